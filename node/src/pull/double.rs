//! Lines to children without a wire, for tests of what asks and what answers.

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
pub(crate) struct LocalBelow {
    children: Mutex<BTreeMap<DivisionCode, Arc<dyn Answerer>>>,
    asked: Mutex<Vec<(DivisionCode, Ask, Duration)>>,
}

/// Answers with what a test says.
pub(crate) struct Scripted<F>(pub F);

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
pub(crate) struct Silent;

#[tonic::async_trait]
impl Answerer for Silent {
    async fn answer(&self, _ask: Ask, _within: Duration, _out: &PartSender) -> Result<(), Status> {
        std::future::pending().await
    }
}

impl LocalBelow {
    pub(crate) fn connect(&self, code: &str, answerer: Arc<dyn Answerer>) {
        self.children.lock().insert(code.parse().unwrap(), answerer);
    }

    pub(crate) fn disconnect(&self, code: &str) {
        self.children.lock().remove(&code.parse().unwrap());
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> Vec<(DivisionCode, Ask, Duration)> {
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
pub(crate) fn ask_directly(answerer: Arc<dyn Answerer>, ask: Ask, within: Duration) -> Parts {
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

/// Lets every task of the test's one thread go as far as it can.
async fn all_steps() {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
}

/// Sends as many parts as it can, and counts them.
pub(crate) struct Endless(pub Arc<AtomicU32>);

#[tonic::async_trait]
impl Answerer for Endless {
    async fn answer(&self, _ask: Ask, _within: Duration, out: &PartSender) -> Result<(), Status> {
        loop {
            out.send(Part::Query(v1::QueryReply::default())).await?;
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn an_answer_goes_no_further_than_its_reader_gives_credit() {
    let (below, sent) = (LocalBelow::default(), Arc::new(AtomicU32::new(0)));
    below.connect("371122", Arc::new(Endless(Arc::clone(&sent))));
    let question = || Ask::Query(v1::QueryRequest::default());
    let mut parts = below.ask("371122".parse().unwrap(), question(), Duration::from_mins(1));
    all_steps().await;
    assert_eq!(sent.load(Ordering::Relaxed), CREDIT_PARTS_MAX);
    for _ in 0..10 {
        parts.next().await.unwrap().unwrap();
    }
    all_steps().await;
    assert_eq!(sent.load(Ordering::Relaxed), CREDIT_PARTS_MAX + 10);

    below.disconnect("371122");
    let refused = below.ask("371122".parse().unwrap(), question(), Duration::from_mins(1));
    assert_eq!(refused.only().await.unwrap_err().code(), tonic::Code::Unavailable);
    assert_eq!(below.asked().len(), 2);
}

#[tokio::test]
async fn a_child_that_does_not_answer_costs_the_deadline_and_no_more() {
    let below = LocalBelow::default();
    below.connect("371122", Arc::new(Silent));
    let asked =
        below.ask("371122".parse().unwrap(), Ask::Barrier(v1::BarrierRequest::default()), Duration::from_millis(50));
    assert_eq!(asked.only().await.unwrap_err().code(), tonic::Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_a_script_says_arrives_with_its_failure() {
    let below = LocalBelow::default();
    let script = |_| vec![Ok(Part::Query(v1::QueryReply::default())), Err(Status::not_found("no such unit"))];
    below.connect("371122", Arc::new(Scripted(script)));
    let question = Ask::Query(v1::QueryRequest::default());
    let mut parts = below.ask("371122".parse().unwrap(), question, Duration::from_mins(1));
    assert!(parts.next().await.unwrap().is_ok());
    assert_eq!(parts.next().await.unwrap().unwrap_err().message(), "no such unit");
    assert!(parts.next().await.is_none());
}
