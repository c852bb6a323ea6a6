//! Lines to children without a wire, for tests and simulations of what asks and what answers.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a double fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{DivisionCode, v1};

use super::part::Call;
use super::{Answerer, Ask, Below, CREDIT_PARTS_MAX, PartSender, Parts};

/// Children whose answerers are asked directly, with the credit and the cancelling of a line.
#[derive(Default)]
pub struct LocalBelow {
    children: Mutex<BTreeMap<DivisionCode, Arc<dyn Answerer>>>,
    asked: Mutex<Vec<(DivisionCode, Ask, Duration)>>,
}

/// Answers with what a test says.
pub struct Scripted<F>(
    /// What it answers to what is asked.
    pub F,
);

#[tonic::async_trait]
impl<F> Answerer for Scripted<F>
where
    F: Fn(Ask) -> Vec<Result<Part, Status>> + Send + Sync,
{
    async fn answer(&self, ask: Ask, _within: Duration, out: &PartSender) -> Result<(), Status> {
        for part in (self.0)(ask) {
            out.send(part?).await?;
        }
        Ok(())
    }
}

/// Never answers.
pub struct Silent;

#[tonic::async_trait]
impl Answerer for Silent {
    async fn answer(&self, _ask: Ask, _within: Duration, _out: &PartSender) -> Result<(), Status> {
        std::future::pending().await
    }
}

impl LocalBelow {
    /// A child can be asked from now on.
    pub fn connect(&self, code: &str, answerer: Arc<dyn Answerer>) {
        self.children.lock().insert(code.parse().unwrap(), answerer);
    }

    /// A child can be asked no more.
    pub fn disconnect(&self, code: &str) {
        self.children.lock().remove(&code.parse().unwrap());
    }

    /// What was asked, in order.
    pub fn asked(&self) -> Vec<(DivisionCode, Ask, Duration)> {
        self.asked.lock().clone()
    }
}

impl Below for LocalBelow {
    fn open(&self) -> Vec<DivisionCode> {
        self.children.lock().keys().copied().collect()
    }

    fn ask(&self, child: DivisionCode, ask: Ask, within: Duration) -> Parts {
        self.asked.lock().push((child, ask.clone(), within));
        match self.children.lock().get(&child) {
            Some(answerer) => ask_directly(Arc::clone(answerer), ask, within),
            None => Parts::failed(Status::unavailable(format!("{child} is not connected"))),
        }
    }
}

struct Running {
    out: PartSender,
    task: AbortHandle,
}

impl Call for Running {
    fn taken(&self, credit: u32) {
        self.out.give(credit);
    }

    fn cancel(&self) {
        self.out.close();
        self.task.abort();
    }
}

/// Lets an answerer answer in a task of its own.
pub fn ask_directly(answerer: Arc<dyn Answerer>, ask: Ask, within: Duration) -> Parts {
    let (replies, mut sent) = mpsc::channel::<v1::PullReply>(1);
    let (arrived, arriving) = mpsc::channel(CREDIT_PARTS_MAX as usize + 1);
    let out = PartSender::new(1, replies);
    let sender = out.clone();
    let task = tokio::spawn(async move {
        let outcome = tokio::time::timeout(within, answerer.answer(ask, within, &sender));
        let relay = async {
            while let Some(reply) = sent.recv().await {
                let _ = arrived.send(reply.part.unwrap()).await;
            }
        };
        let last = tokio::select! {
            outcome = outcome => match outcome {
                Ok(Ok(())) => Part::End(v1::PullEnd {}),
                Ok(Err(status)) => Part::Error(v1::PullError { code: status.code() as i32, message: status.message().to_owned() }),
                Err(_) => Part::Error(v1::PullError {
                    code: tonic::Code::DeadlineExceeded as i32,
                    message: String::new(),
                }),
            },
            () = relay => return,
        };
        while let Ok(reply) = sent.try_recv() {
            let _ = arrived.send(reply.part.unwrap()).await;
        }
        let _ = arrived.send(last).await;
    });
    Parts::new(arriving, within, Some(Box::new(Running { out, task: task.abort_handle() })))
}

/// Sends as many parts as it can, and counts them.
pub struct Endless(
    /// How many it has sent.
    pub Arc<AtomicU32>,
);

#[tonic::async_trait]
impl Answerer for Endless {
    async fn answer(&self, _ask: Ask, _within: Duration, out: &PartSender) -> Result<(), Status> {
        loop {
            out.send(Part::Query(v1::QueryReply::default())).await?;
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
