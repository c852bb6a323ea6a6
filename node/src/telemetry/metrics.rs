use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The fastest `fdatasync` that is worth a bucket of its own, in seconds.
const FSYNC_FIRST_BUCKET_SECONDS: f64 = 0.000_05;
/// Buckets, each twice the last: up to 1.6 s.
const FSYNC_BUCKETS: u16 = 16;

/// The numbers of one node. Counting is one atomic addition; reading them is the page's work.
pub struct Metrics {
    /// Journal entries written.
    pub entries: Counter,
    /// Groups of entries that shared one `fdatasync`.
    pub groups: Counter,
    /// How long each group took to be on disk: one write and one `fdatasync`.
    pub group_seconds: Histogram,
    /// Submissions that were refused, for whatever reason.
    pub entries_refused: Counter,
    /// Batches that the index applied.
    pub index_batches: Counter,
    /// Index checkpoints that reached the disk.
    pub checkpoints: Counter,
    /// Bytes of the index's files.
    pub index_disk_bytes: Gauge,
    /// Bytes of the index's keys and values at the last snapshot; the rest of its files is dead.
    pub index_live_bytes: Gauge,
    /// Items of the own feed.
    pub feed_items: Gauge,
    /// Items sent to the parent.
    pub items_sent: Counter,
    /// Bytes of frames sent to the parent.
    pub bytes_sent: Counter,
    /// Items that the parent has still to apply.
    pub lag_items: Gauge,
    /// Walks begun over the whole feed, because the parent's watermark could not be continued.
    pub resyncs: Counter,
    /// 1 while the parent has welcomed this node, else 0.
    pub parent_connected: Gauge,
    /// Items received from children.
    pub items_received: Counter,
    /// Items of children that the index applied.
    pub items_applied: Counter,
    /// Frames received from children.
    pub frames_received: Counter,
    /// Complete marks of children whose digest differed from this node's copy.
    pub digests_differed: Counter,
    /// Children with a welcomed stream.
    pub children_connected: Gauge,
    /// Whole passes of the standing audit.
    pub audit_passes: Counter,
    /// Totals that the standing audit compared with their parts, in whole passes.
    pub audit_totals: Counter,
    /// Differences that an audit found.
    pub audit_differences: Counter,
    /// Differences that an audit put right.
    pub audit_repaired: Counter,
    /// Children that can be asked.
    pub pull_lines: Gauge,
    /// Calls to children whose answers are not complete.
    pub pull_calls: Gauge,
    /// Calls of the parent that are being answered.
    pub pull_answering: Gauge,
    /// Replies to calls that were over.
    pub pull_strays: Counter,
    /// Malformed frames and items.
    pub malformed: Counter,
    /// Callers refused for who they are, with or without a certificate.
    pub refused_callers: Counter,
    /// Connections that ended before their handshake did.
    pub failed_handshakes: Counter,
    registry: Registry,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("wuji");
        let group_seconds = Histogram::new(exponential_buckets(FSYNC_FIRST_BUCKET_SECONDS, 2.0, FSYNC_BUCKETS));
        registry.register("journal_group_seconds", "Time until a group of entries is on disk", group_seconds.clone());
        let mut named = Named(&mut registry);
        Arc::new(Self {
            entries: named.counter("journal_entries", "Journal entries written"),
            groups: named.counter("journal_groups", "Groups of entries that shared one fdatasync"),
            group_seconds,
            entries_refused: named.counter("entries_refused", "Submissions refused"),
            index_batches: named.counter("index_batches", "Batches applied by the index"),
            checkpoints: named.counter("index_checkpoints", "Index checkpoints on disk"),
            index_disk_bytes: named.gauge("index_disk_bytes", "Bytes of the index's files"),
            index_live_bytes: named.gauge("index_live_bytes", "Bytes of keys and values at the last snapshot"),
            feed_items: named.gauge("feed_items", "Items of the own feed"),
            items_sent: named.counter("items_sent", "Items sent to the parent"),
            bytes_sent: named.counter("bytes_sent", "Bytes of frames sent to the parent"),
            lag_items: named.gauge("lag_items", "Items that the parent has still to apply"),
            resyncs: named.counter("resyncs", "Walks begun over the whole feed"),
            parent_connected: named.gauge("parent_connected", "1 while the parent has welcomed this node"),
            items_received: named.counter("items_received", "Items received from children"),
            items_applied: named.counter("items_applied", "Items of children applied by the index"),
            frames_received: named.counter("frames_received", "Frames received from children"),
            digests_differed: named.counter("digests_differed", "Complete marks whose digests differed"),
            children_connected: named.gauge("children_connected", "Children with a welcomed stream"),
            audit_passes: named.counter("audit_passes", "Whole passes of the standing audit"),
            audit_totals: named.counter("audit_totals", "Totals compared with their parts in whole passes"),
            audit_differences: named.counter("audit_differences", "Differences that an audit found"),
            audit_repaired: named.counter("audit_repaired", "Differences that an audit put right"),
            pull_lines: named.gauge("pull_lines", "Children that can be asked"),
            pull_calls: named.gauge("pull_calls", "Calls to children that are being answered"),
            pull_answering: named.gauge("pull_answering", "Calls of the parent that are being answered"),
            pull_strays: named.counter("pull_strays", "Replies to calls that were over"),
            malformed: named.counter("malformed", "Malformed frames and items"),
            refused_callers: named.counter("refused_callers", "Callers refused for who they are"),
            failed_handshakes: named.counter("failed_handshakes", "Connections that ended before their handshake did"),
            registry,
        })
    }

    /// All of them in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a metric that could not be written is left out.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

struct Named<'a>(&'a mut Registry);

impl Named<'_> {
    fn counter(&mut self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.0.register(name, help, counter.clone());
        counter
    }

    fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.0.register(name, help, gauge.clone());
        gauge
    }
}
