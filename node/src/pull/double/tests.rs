use super::*;

/// Lets every task of the test's one thread go as far as it can.
async fn all_steps() {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
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
