use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::{Metrics, TelemetryError};

/// The format that the page is in.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` until `stop` is done. The configuration allows loopback only: the
/// numbers have no access control of their own.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), TelemetryError> {
    let pages = Router::new().route("/metrics", get(render)).with_state(metrics);
    axum::serve(listener, pages).with_graceful_shutdown(stop).await?;
    Ok(())
}

async fn render(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, FORMAT)], metrics.render())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_page_shows_what_was_counted_and_ends_when_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::new();
        metrics.entries.inc_by(7);
        metrics.group_seconds.observe(0.001);
        let (stop, stopped) = oneshot::channel::<()>();
        let page = tokio::spawn(serve_metrics(listener, metrics, async {
            let _ = stopped.await;
        }));

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("wuji_journal_entries_total 7"), "{answer}");
        assert!(answer.contains("wuji_journal_group_seconds_count 1"), "{answer}");
        assert!(answer.trim_end().ends_with("# EOF"), "{answer}");

        drop(stop);
        page.await.unwrap().unwrap();
    }
}
