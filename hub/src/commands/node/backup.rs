//! `wuji node backup`: written aside, made durable, read back, named, and only then told to
//! the node.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use wuji_node::backup::read::Whole;
use wuji_node::backup::restore::verify;
use wuji_node::env::Env;
use wuji_proto::v1::{BackupRequest, BackupVerifiedReply, BackupVerifiedRequest};

use crate::args::Global;
use crate::client::{Client, request};
use crate::exit::{Exit, UsageError};
use crate::output::json::serialize_time;
use crate::output::number::{bytes, grouped};
use crate::output::{Cell, Column, Sheet, hex};

const OPERATION: &str = "make a backup";

/// What `wuji node backup` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
One file holds the whole journal, a snapshot of the index, and the node key, without which the
personal values in the journal cannot be read: whoever has the file can read them. It gets mode
0600; keep it locked away, or leave the key out with --without-key and keep that apart. Entries
are written meanwhile. The backup is read back and checked to its last byte before the node is
told of it.

EXAMPLES
  wuji node backup /mnt/usb/371122.wuji -c 371122
  wuji node backup 371122.wuji --without-key -c 371122    the key is kept elsewhere
  wuji node backup /mnt/nas/371122.wuji --outside         a share on another machine")]
pub struct BackupArgs {
    /// The file to be written; it must not be there yet
    pub file: PathBuf,
    /// Leave out the node key
    #[arg(long)]
    pub without_key: bool,
    /// You say that the file lies outside the node's own disk, where the machines cannot tell
    #[arg(long)]
    pub outside: bool,
}

#[derive(Serialize)]
struct Backup {
    file: String,
    code: String,
    incarnation: String,
    sequence: u64,
    chain_hash: String,
    hash: String,
    bytes: u64,
    with_key: bool,
    place: String,
    #[serde(serialize_with = "serialize_time")]
    verified_at: i64,
}

/// Makes a backup.
pub async fn run(args: BackupArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let file = std::path::absolute(&args.file).with_context(|| format!("finding {}", args.file.display()))?;
    if file.exists() {
        return Err(UsageError(format!("{} is there already: name another file", file.display())).into());
    }
    let client = global.connect().await?;
    let aside = aside(&file);
    let written = write(&client, &args, &aside).await;
    if written.is_err() {
        // What was written of it is of no use; that it cannot be removed is no news.
        let _ = fs::remove_file(&aside);
    }
    written?;
    let whole = read_back(&client, &aside)?;
    name(&aside, &file)?;
    let noted = note(&client, &args, &file, &whole).await.with_context(|| {
        format!("{} is a whole backup, but the node could not be told: it does not count it", file.display())
    })?;
    warn(&whole, &noted.place);
    let document = Backup {
        file: file.display().to_string(),
        code: whole.code.to_string(),
        incarnation: whole.incarnation.to_string(),
        sequence: whole.manifest.sequence,
        chain_hash: hex(&whole.manifest.chain_hash),
        hash: hex(&whole.hash),
        bytes: whole.bytes,
        with_key: whole.manifest.with_key,
        place: noted.place,
        verified_at: noted.at_ms,
    };
    global.output().document(&document, sheet, |it, _| text(it, &whole))?;
    Ok(Exit::Done.into())
}

fn aside(file: &Path) -> PathBuf {
    let mut aside = file.as_os_str().to_owned();
    aside.push(".part");
    PathBuf::from(aside)
}

async fn write(client: &Client, args: &BackupArgs, aside: &Path) -> anyhow::Result<()> {
    let failed = || format!("writing {}", aside.display());
    let mut out = OpenOptions::new();
    let mut out = out.write(true).create(true).truncate(true).mode(0o600).open(aside).with_context(failed)?;
    let refused = |status| client.error(OPERATION, status);
    let asked = BackupRequest { without_key: args.without_key };
    let mut parts = client.upkeep().backup(asked).await.map_err(refused)?.into_inner();
    while let Some(part) = parts.message().await.map_err(refused)? {
        out.write_all(&part.data).with_context(failed)?;
    }
    out.sync_all().with_context(failed)
}

/// Checks what lies there, to its last byte, and that it is of this node.
fn read_back(client: &Client, aside: &Path) -> anyhow::Result<Whole> {
    let whole = verify(Env::production().disk.as_ref(), aside)?;
    if whole.code != client.address().code {
        return Err(client.broken(OPERATION, &format!("it is a backup of {}", whole.code)).into());
    }
    Ok(whole)
}

fn name(aside: &Path, file: &Path) -> anyhow::Result<()> {
    let named = || -> io::Result<()> {
        fs::rename(aside, file)?;
        File::open(file.parent().unwrap_or(file))?.sync_all()
    };
    named().with_context(|| format!("naming {}", file.display()))
}

async fn note(client: &Client, args: &BackupArgs, file: &Path, whole: &Whole) -> anyhow::Result<BackupVerifiedReply> {
    let place = Env::production().disk.place(file.parent().unwrap_or(file)).unwrap_or_default();
    let told = BackupVerifiedRequest {
        hash: whole.hash.to_vec(),
        bytes: whole.bytes,
        sequence: whole.manifest.sequence,
        chain_hash: whole.manifest.chain_hash.clone(),
        with_key: whole.manifest.with_key,
        machine: place.machine,
        disk: place.disk,
        stated_outside: args.outside,
        destination: file.display().to_string(),
    };
    let noted = client.upkeep().backup_verified(request(told)).await;
    Ok(noted.map_err(|status| client.error("note a backup", status))?.into_inner())
}

/// On stderr: what the operator must know of the file.
fn warn(whole: &Whole, place: &str) {
    if whole.manifest.with_key {
        eprintln!("it holds the node key: whoever has it can read the personal values in it; keep it locked away");
    } else {
        eprintln!("it does not hold the node key: without `node.key`, kept apart, its personal values are lost");
    }
    match place {
        "same-disk" => eprintln!("it lies on the node's own disk and is lost with it: copy it elsewhere"),
        "unknown" => eprintln!(
            "whether it lies outside the node's own disk cannot be told: if you know that it does, say --outside"
        ),
        _ => {}
    }
}

fn text(it: &Backup, whole: &Whole) -> String {
    let verified = whole.chain.verified();
    format!(
        "backup of {} {} up to entry {}: {}\n{} · verified: {} entries, {} segments, {} keys of the index · {}\nhash {}\n",
        whole.manifest.name,
        it.code,
        grouped(it.sequence.into()),
        it.file,
        bytes(it.bytes),
        grouped(verified.entries.into()),
        grouped(verified.segments.into()),
        grouped(whole.snapshot_keys.into()),
        it.place,
        it.hash,
    )
}

fn sheet(it: &Backup) -> Sheet {
    let columns = ["file", "code", "incarnation", "sequence", "hash", "bytes", "with_key", "place"];
    Sheet {
        columns: columns.map(Column::text).into(),
        rows: vec![vec![
            Cell::text(&it.file),
            Cell::text(&it.code),
            Cell::text(&it.incarnation),
            Cell::Text(it.sequence.to_string()),
            Cell::text(&it.hash),
            Cell::Text(it.bytes.to_string()),
            Cell::Text(it.with_key.to_string()),
            Cell::text(&it.place),
        ]],
        totals: None,
    }
}
