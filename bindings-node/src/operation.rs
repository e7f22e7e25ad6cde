//! One call of the core: a thread of its own, a port to the JavaScript thread, the way to cancel it.
//!
//! Messages travel through one thread-safe function, so they arrive in order and the last is `done` or `failed`. An event
//! waits for its listener to return: an exception in it, or a cancel, stops the operation at that very event, and a slow
//! listener slows it down instead of filling the memory. Knows nothing of what the operation does.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use layerkit::{CancelToken, ContainerControl, Error, ErrorKind, Event, Result, Task};
use napi::bindgen_prelude::{Buffer, Either, FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use serde::Serialize;

/// What a message is: `event` (JSON), `read` (a chunk is wanted), `write` (a chunk), `done` and `failed` (JSON).
type Kind = &'static str;
/// What a message carries.
type Payload = Either<String, Buffer>;
/// JavaScript's end of the port. What it returns counts for an `event` only: whether to go on.
pub type Listener<'a> = Function<'a, Arguments, bool>;
/// What a message is, what it carries, and the number of the stream that it is of, if it is of one.
type Arguments = FnArgs<(Kind, Option<Payload>, u32)>;
type Port = ThreadsafeFunction<Message, bool, Arguments, Status, false>;

/// How many streams an operation may have: the context, the Dockerfile and the output of a build.
const STREAMS: usize = 3;

/// How often a thread that waits for JavaScript looks whether it was cancelled meanwhile.
const SLICE: Duration = Duration::from_millis(10);
/// How long the end of an environment (a worker, the process) waits for the threads that it cancelled.
const FAREWELL: Duration = Duration::from_secs(5);

struct Message {
    kind: Kind,
    payload: Option<Payload>,
    stream: u32,
}

/// What JavaScript answers to `read` and `write`.
pub enum Answer {
    /// To `read`: these bytes.
    Chunk(Vec<u8>),
    /// To `read`: there are no more.
    End,
    /// To `write`: the next chunk is welcome.
    Taken,
    /// The stream failed; JavaScript keeps the reason.
    Broken,
}

/// What a running operation holds; gone when it ends, whoever still knows the [`Operation`].
struct Running {
    token: CancelToken,
    /// One for each stream.
    answers: Vec<Sender<Answer>>,
    /// What JavaScript asks of the command that the operation is attached to, if it is.
    control: ContainerControl,
    /// Disconnects when the thread is done.
    ended: Option<Receiver<()>>,
}

type Slot = Mutex<Option<Running>>;

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Running>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that is under way, as the object layer holds it.
#[napi]
pub struct Operation(Arc<Slot>);

#[napi]
impl Operation {
    /// Cancels it. Does nothing once it has ended.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        if let Some(running) = lock(&self.0).as_ref() {
            running.token.cancel();
        }
    }

    /// Answers `read`: with a chunk, or with nothing at the end of the stream.
    #[napi(catch_unwind)]
    pub fn give(&self, stream: u32, chunk: Option<&[u8]>) {
        self.answer(stream, chunk.map_or(Answer::End, |bytes| Answer::Chunk(bytes.to_vec())));
    }

    /// Answers `write`: the stream takes another chunk.
    #[napi(catch_unwind)]
    pub fn taken(&self, stream: u32) {
        self.answer(stream, Answer::Taken);
    }

    /// Answers either of them: the stream failed. The operation then fails with `callback`.
    #[napi(catch_unwind)]
    pub fn broken(&self, stream: u32) {
        self.answer(stream, Answer::Broken);
    }

    /// Tells the terminal of the command that it is attached to its size.
    #[napi(catch_unwind)]
    pub fn resize(&self, rows: u16, cols: u16) {
        self.control(|control| control.resize(rows, cols));
    }

    /// Sends that command a signal. The answer is the error, when there is no such signal.
    #[napi(catch_unwind)]
    pub fn signal(&self, signal: String) -> Option<String> {
        self.control(|control| control.signal(&signal))?.err().map(|error| describe(&error))
    }

    /// Ends it and leaves that command running.
    #[napi(catch_unwind)]
    pub fn detach(&self) {
        self.control(ContainerControl::detach);
    }

    fn control<T>(&self, ask: impl FnOnce(&ContainerControl) -> T) -> Option<T> {
        lock(&self.0).as_ref().map(|running| ask(&running.control))
    }

    fn answer(&self, stream: u32, answer: Answer) {
        if let Some(running) = lock(&self.0).as_ref()
            && let Some(answers) = running.answers.get(stream as usize)
        {
            // Nobody receives it when the operation has just ended.
            let _ = answers.send(answer);
        }
    }
}

/// The thread's side of an operation.
pub struct Call {
    port: Arc<Port>,
    token: CancelToken,
    /// Of the streams that nobody has yet.
    answers: VecDeque<Receiver<Answer>>,
    control: ContainerControl,
    events: bool,
}

impl Call {
    /// The task that the core works under.
    pub fn task(&self) -> Task {
        let task = Task::with_token(self.token.clone());
        if !self.events {
            return task;
        }
        let (port, token) = (Arc::clone(&self.port), self.token.clone());
        task.on_event(move |event| notify(&port, &token, event))
    }

    /// What JavaScript asks of the command that this operation is attached to.
    pub fn control(&self) -> ContainerControl {
        self.control.clone()
    }

    /// The next stream of this operation, in the order in which JavaScript has them. Behind the last, one that ends at once.
    pub fn conversation(&mut self) -> Conversation {
        Conversation {
            port: Arc::clone(&self.port),
            token: self.token.clone(),
            stream: (STREAMS - self.answers.len()) as u32,
            answers: self.answers.pop_front().unwrap_or_else(|| mpsc::channel().1),
        }
    }
}

/// A stream's requests to JavaScript and the answers to them.
pub struct Conversation {
    port: Arc<Port>,
    token: CancelToken,
    stream: u32,
    answers: Receiver<Answer>,
}

impl Conversation {
    /// Asks for a chunk.
    pub fn ask(&self) {
        send(&self.port, "read", None, self.stream);
    }

    /// Hands a chunk over.
    pub fn write(&self, chunk: Vec<u8>) {
        send(&self.port, "write", Some(Either::B(chunk.into())), self.stream);
    }

    /// Waits for the next answer.
    pub fn wait(&self) -> Result<Answer> {
        match wait(&self.answers, &self.token)? {
            Answer::Broken => Err(Error::new(ErrorKind::Callback, "the stream failed")),
            answer => Ok(answer),
        }
    }
}

fn send(port: &Port, kind: Kind, payload: Option<Payload>, stream: u32) {
    // A port refuses only when its environment is ending, and then the operation is being cancelled.
    port.call(Message { kind, payload, stream }, ThreadsafeFunctionCallMode::NonBlocking);
}

/// Waits for JavaScript or for the cancel, whichever is first. Node drops queued calls without a word when an environment
/// ends, so a wait that trusts the channel alone could last for ever.
fn wait<T>(receiver: &Receiver<T>, token: &CancelToken) -> Result<T> {
    loop {
        match receiver.recv_timeout(SLICE) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) if !token.is_cancelled() => {}
            Err(_) => return Err(cancelled()),
        }
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the operation was cancelled")
}

fn notify(port: &Port, token: &CancelToken, event: &Event) -> Result<()> {
    let payload = Some(Either::A(json(event)?));
    let (sender, receiver) = mpsc::channel();
    port.call_with_return_value(
        Message { kind: "event", payload, stream: 0 },
        ThreadsafeFunctionCallMode::NonBlocking,
        move |go_on, _| {
            let _ = sender.send(go_on.unwrap_or(false));
            Ok(())
        },
    );
    match wait(&receiver, token)? {
        // A listener that cancels stops the operation here, also when this event is its last.
        true if token.is_cancelled() => Err(cancelled()),
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Callback, "the progress callback failed")),
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}

/// Runs `body` on a thread of its own and sends what it returns through `listener`.
pub fn start<T: Serialize>(
    env: Env,
    listener: Listener<'_>,
    events: bool,
    body: impl FnOnce(Call) -> Result<T> + Send + 'static,
) -> napi::Result<Operation> {
    let port: Port =
        listener.build_threadsafe_function::<Message>().callee_handled::<false>().build_callback(
            |context| Ok(FnArgs::from((context.value.kind, context.value.payload, context.value.stream))),
        )?;
    let (port, slot) = (Arc::new(port), Arc::new(Slot::default()));
    remember(env, &slot)?;
    if let Err(error) = launch(Arc::clone(&port), &slot, events, body) {
        report(&port, &Err::<(), _>(error));
    }
    Ok(Operation(slot))
}

fn launch<T: Serialize>(
    port: Arc<Port>,
    slot: &Arc<Slot>,
    events: bool,
    body: impl FnOnce(Call) -> Result<T> + Send + 'static,
) -> Result<()> {
    let (token, control) = (CancelToken::new()?, ContainerControl::new());
    let (answers, receivers): (Vec<_>, _) = (0..STREAMS).map(|_| mpsc::channel()).unzip();
    let (ending, ended) = mpsc::channel();
    *lock(slot) =
        Some(Running { token: token.clone(), answers, control: control.clone(), ended: Some(ended) });
    let mine = Arc::clone(slot);
    let thread = std::thread::Builder::new().name("layerkit".into()).spawn(move || {
        let _ending: Sender<()> = ending;
        let call = Call { port: Arc::clone(&port), token, answers: receivers, control, events };
        let outcome =
            catch_unwind(AssertUnwindSafe(|| body(call))).unwrap_or_else(|panic| Err(panicked(&*panic)));
        // The descriptor of the token goes before the caller hears of the end, not when the collector finds the operation.
        lock(&mine).take();
        report(&port, &outcome);
    });
    thread.map(drop).map_err(|error| {
        lock(slot).take();
        Error::io("start a thread", error)
    })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Error::new(ErrorKind::Internal, format!("a panic, which is a defect of layerkit: {text}"))
}

fn report<T: Serialize>(port: &Port, outcome: &Result<T>) {
    let (kind, payload) = match outcome.as_ref().map(json) {
        Ok(Ok(value)) => ("done", value),
        Ok(Err(error)) => ("failed", describe(&error)),
        Err(error) => ("failed", describe(error)),
    };
    send(port, kind, Some(Either::A(payload)), 0);
}

/// An error as the object layer reads it: `code`, `message` and `fields`.
pub fn describe(error: &Error) -> String {
    let fields: serde_json::Map<String, serde_json::Value> =
        error.fields().iter().map(|(name, value)| ((*name).to_owned(), serde_json::json!(value))).collect();
    serde_json::json!({ "code": error.code(), "message": error.to_string(), "fields": fields }).to_string()
}

thread_local! {
    /// The operations of this JavaScript thread's environment, once it has a hook that ends them.
    static RUNNING: RefCell<Option<Vec<Weak<Slot>>>> = const { RefCell::new(None) };
}

/// Sees to it that the operation ends with the environment that started it.
fn remember(env: Env, slot: &Arc<Slot>) -> napi::Result<()> {
    RUNNING.with_borrow_mut(|running| {
        if running.is_none() {
            env.add_env_cleanup_hook((), |()| end_all())?;
        }
        let running = running.get_or_insert_default();
        running.retain(|slot| slot.strong_count() > 0);
        running.push(Arc::downgrade(slot));
        Ok(())
    })
}

/// Cancels every operation of this thread and waits for their threads, so that none outlives the worker or the process.
fn end_all() {
    let deadline = Instant::now() + FAREWELL;
    let slots: Vec<_> = RUNNING.take().unwrap_or_default().iter().filter_map(Weak::upgrade).collect();
    let mut ends = Vec::new();
    for slot in slots {
        if let Some(running) = lock(&slot).as_mut() {
            running.token.cancel();
            ends.extend(running.ended.take());
        }
    }
    for end in ends {
        let _ = end.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}
