//! Traces: what a customer's message set off, from the webhook over jobs to the send, as one tree of
//! spans, whichever processes took part.
//!
//! The context of a span travels in W3C's form, `traceparent`: in a request's header; in the setting
//! `app.traceparent` of every transaction that works inside a span; from there in the metadata of
//! each job that `queue.enqueue` makes, and in the row of each message and reminder. So whatever a
//! trigger enqueues is in the trace too.
//!
//! Spans are few and made here alone, one function for each sort, so that what they tell can be read
//! in one place: ids, kinds, counts and outcomes, never what somebody said or who they are. The
//! spans of `tracing` stay the log's; bridging them would carry into traces whatever somebody logs
//! one day.
//!
//! Unless [`start`] was called, nothing here does anything.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    FutureExt as _, Link, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on spans are made, and given to this tracer. Once a process.
pub fn start(tracer: SdkTracer) {
    // A second one would be a mistake of a program around this library; the first one stays.
    let _ = TRACER.set(tracer);
}

/// Whether spans are made.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// The current span in W3C's form, for the next in line. `None`: there is none.
pub fn traceparent() -> Option<String> {
    TRACER.get()?;
    Context::map_current(|context| written(context.span().span_context()))
}

/// The trace of the current span, in hexadecimal, for the log. `None`: there is none.
pub fn trace_id() -> Option<String> {
    TRACER.get()?;
    Context::map_current(id_of)
}

/// Tells something of the current span.
pub fn note(name: &'static str, value: impl Into<Value>) {
    if is_on() {
        Context::map_current(|context| context.span().set_attribute(KeyValue::new(name, value)));
    }
}

/// The current span ends badly; `class` is one of few.
pub fn fail(class: &'static str) {
    note("error.type", class);
    if is_on() {
        Context::map_current(|context| context.span().set_status(Status::error("")));
    }
}

/// `work`, with the span that is current now, in whichever task it runs.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let context = is_on().then(Context::current);
    async move {
        match context {
            Some(context) => work.with_context(context).await,
            None => work.await,
        }
    }
}

/// A span; it ends when this is dropped.
#[derive(Debug)]
pub struct Span(Option<Context>);

impl Span {
    /// No span: what happens around it belongs to whoever is current.
    pub const NONE: Self = Self(None);

    /// A request that we answer. `traceparent` is the caller's, if it sent one.
    pub fn request(method: &'static str, route: &str, traceparent: Option<&str>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let parent = traceparent.map_or_else(Context::new, context_of);
        Self::begin(
            tracer,
            format!("{method} {route}"),
            SpanKind::Server,
            &parent,
            Vec::new(),
            vec![
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route.to_owned()),
            ],
        )
    }

    /// One attempt of a job, part of the trace that enqueued it.
    pub fn job(kind: &'static str, traceparent: Option<&str>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let parent = traceparent.map_or_else(Context::new, context_of);
        let told = vec![KeyValue::new("job.kind", kind)];
        Self::begin(tracer, kind, SpanKind::Consumer, &parent, Vec::new(), told)
    }

    /// One attempt of a job that comes long after what planned it: a trace of its own that points
    /// there.
    pub fn late_job(kind: &'static str, traceparent: Option<&str>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let links = traceparent.and_then(link_to).into_iter().collect();
        let told = vec![KeyValue::new("job.kind", kind)];
        Self::begin(tracer, kind, SpanKind::Consumer, &Context::new(), links, told)
    }

    /// The sending of a message, part of the trace that wrote it; it points to the job that sends,
    /// which may have been enqueued for another one. Without the writer's, part of the job's own.
    pub fn send(channel: &'static str, traceparent: Option<&str>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let name = format!("send {channel}");
        let told = vec![KeyValue::new("send.channel", channel)];
        let current = Context::current();
        match traceparent.map(context_of).filter(|writer| writer.span().span_context().is_valid()) {
            None => Self::begin(tracer, name, SpanKind::Client, &current, Vec::new(), told),
            Some(writer) => {
                let job = current.span().span_context().clone();
                let links = job.is_valid().then(|| Link::with_context(job)).into_iter().collect();
                Self::begin(tracer, name, SpanKind::Client, &writer, links, told)
            }
        }
    }

    fn begin(
        tracer: &SdkTracer,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: &Context,
        links: Vec<Link>,
        told: Vec<KeyValue>,
    ) -> Self {
        let builder = tracer.span_builder(name).with_kind(kind);
        let span =
            builder.with_links(links).with_attributes(told).start_with_context(tracer, parent);
        Self(Some(parent.with_span(span)))
    }

    /// Tells something of it.
    pub fn note(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// It ends badly; `class` is one of few.
    pub fn fail(&self, class: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", class));
            context.span().set_status(Status::error(""));
        }
    }

    /// The trace it belongs to, in hexadecimal, for the log.
    pub fn trace_id(&self) -> Option<String> {
        id_of(self.0.as_ref()?)
    }

    /// `work`, with this span as the current one. What it hands to other tasks must be given the
    /// span again.
    pub async fn around<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(context) => work.with_context(context.clone()).await,
            None => work.await,
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

fn id_of(context: &Context) -> Option<String> {
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}

fn written(span: &SpanContext) -> Option<String> {
    span.is_valid().then(|| {
        format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
    })
}

/// A context whose span is the one that is written there; without one if that is none.
fn context_of(traceparent: &str) -> Context {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

fn link_to(traceparent: &str) -> Option<Link> {
    let span = context_of(traceparent).span().span_context().clone();
    span.is_valid().then(|| Link::with_context(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_read_again() {
        let context = context_of(CALLER);
        assert_eq!(written(context.span().span_context()).as_deref(), Some(CALLER));
        let unsampled = CALLER.replace("-01", "-00");
        let context = context_of(&unsampled);
        assert_eq!(written(context.span().span_context()), Some(unsampled));
    }

    #[test]
    fn what_is_no_context_is_none() {
        for wrong in
            ["", "00", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"]
        {
            assert_eq!(written(context_of(wrong).span().span_context()), None, "{wrong}");
            assert!(link_to(wrong).is_none(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn without_a_tracer_nothing_happens() {
        let span = Span::job("process_message", Some(CALLER));
        assert!(span.0.is_none() && span.trace_id().is_none());
        assert_eq!(span.around(async { traceparent() }).await, None);
    }
}
