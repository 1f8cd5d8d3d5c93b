//! A provider in Rust for a made-up server that answers plain lines.
//!
//! Upstream: POST {base_url}/forge, a line `<role> <text as JSON>` for each text of the chat, then `go <tokens>`.
//!           Answered as lines, a piece of the answer each; the line "." ends it.
//!
//! No standard library, no allocator, no thread-local variables: memory comes from the gateway, and the shared object can
//! be unloaded. `unsafe` is where C is: every pointer that comes in is what the header says it is.
#![no_std]
#![allow(clippy::missing_safety_doc)]

mod abi;

use abi::*;
use core::mem::size_of;
use core::ptr;

#[link(name = "c")]
extern "C" {
    fn abort() -> !;
    fn strlen(text: *const u8) -> usize;
}

/// A panic is a mistake of this file; it cannot cross into C.
#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { abort() }
}

/// A C string out of a literal.
macro_rules! c {
    ($text:literal) => {
        concat!($text, "\0").as_ptr()
    };
}

/// Parameters that the server has no word for.
const UNKNOWN: [(u32, &str); 11] = [
    (0x001, "temperature"),
    (0x002, "top_p"),
    (0x004, "top_k"),
    (0x080, "min_p"),
    (0x010, "seed"),
    (0x020, "presence_penalty"),
    (0x040, "frequency_penalty"),
    (0x100, "repetition_penalty"),
    (0x200, "min_tokens"),
    (0x400, "reasoning_budget"),
    (0x800, "top_logprobs"),
];

const ROLES: [&[u8]; 6] = [b"", b"rules ", b"user ", b"model ", b"", b"rules "];

unsafe extern "C" fn open(host: *const Host, _ctx: *mut Ctx, state: *mut State) -> Status {
    (*state).host = host;
    OK
}

/// Lists of the gateway hang together by `next`.
unsafe fn put_message(host: &Host, ctx: *mut Ctx, body: *mut Buf, message: &Message) -> Status {
    let role = ROLES.get(message.role as usize).copied().unwrap_or(b"");
    if role.is_empty() || message.extra.len > 0 {
        return (host.fail)(ctx, E_UNSUPPORTED, c!("Ferrous has no line for a message of role %u"), message.role);
    }
    let mut next = message.parts;
    while let Some(part) = next.as_ref() {
        if part.kind != PART_TEXT || part.extra.len > 0 {
            return (host.fail)(ctx, E_UNSUPPORTED, c!("Ferrous takes texts only, found a part of type %u"), part.kind);
        }
        (host.buf_put)(body, role.as_ptr(), role.len());
        (host.buf_json)(body, part.text);
        (host.buf_put)(body, b"\n".as_ptr(), 1);
        next = part.next;
    }
    OK
}

unsafe fn put_body(host: &Host, ctx: *mut Ctx, req: &ModelRequest, ret: &mut Str) -> Status {
    let body = (host.buf_new)(ctx, LIFE_BUILD, 32 << 20);
    if body.is_null() {
        return E_NOMEM;
    }
    let mut next = req.messages;
    while let Some(message) = next.as_ref() {
        let status = put_message(host, ctx, body, message);
        if status != OK {
            return status;
        }
        next = message.next;
    }
    match req.params.as_ref() {
        Some(params) if params.set & PARAM_MAX_TOKENS != 0 => {
            (host.buf_printf)(body, c!("go %lld\n"), params.max_tokens)
        }
        _ => (host.buf_put)(body, b"go\n".as_ptr(), 3),
    }
    (host.buf_view)(body, ret) // whatever went wrong above shows here
}

/// The client's own key goes where the client wants; ours goes to our own server and nowhere else.
unsafe fn authorization(host: &Host, ctx: *mut Ctx, state: &State, target: &Target) -> *const u8 {
    let mut key = target.api_key;
    if key.len == 0 && target.flags & TARGETF_CALLER_ENDPOINT == 0 && !state.api_key.is_null() {
        key = Str { ptr: state.api_key, len: strlen(state.api_key) };
    }
    if key.len == 0 {
        return ptr::null();
    }
    (host.format)(ctx, LIFE_BUILD, c!("Authorization: Bearer %.*s"), key.len as i32, key.ptr)
}

unsafe extern "C" fn request(
    ctx: *mut Ctx,
    state: *mut State,
    call: *mut Call,
    target: *const Target,
    req: *const ModelRequest,
    http: *mut HttpRequest,
) -> Status {
    let (state, call, target, req, http) = (&*state, &mut *call, &*target, &*req, &mut *http);
    let host = &*state.host;

    if req.kind != CALL_CHAT || !req.tools.is_null() || req.extra.len > 0 {
        return (host.fail)(ctx, E_UNSUPPORTED, c!("Ferrous knows chats, without tools and extra members"));
    }
    let base = if target.endpoint.len > 0 {
        target.endpoint
    } else {
        Str { ptr: state.base_url, len: strlen(state.base_url) }
    };
    let headers = (host.alloc)(ctx, LIFE_BUILD, 2 * size_of::<*const u8>()) as *mut *const u8;
    let url = (host.format)(ctx, LIFE_BUILD, c!("%.*s/forge"), base.len as i32, base.ptr);
    if headers.is_null() || url.is_null() {
        return E_NOMEM;
    }
    *headers = c!("Content-Type: text/plain; charset=utf-8");
    *headers.add(1) = authorization(host, ctx, state, target);
    http.method = c!("POST");
    http.url = url;
    http.headers = headers;
    http.header_count = if (*headers.add(1)).is_null() { 1 } else { 2 };
    http.framing = FRAMING_NDJSON; // a frame per line, be it JSON or not
    call.dropped = req.params.as_ref().map_or(0, |params| params.set);
    put_body(host, ctx, req, &mut http.body)
}

fn event(kind: u32) -> Event {
    Event {
        struct_size: size_of::<Event>() as u32,
        kind,
        choice: 0,
        index: 0,
        finish: 0,
        part_type: 0,
        text: Str::NONE,
        id: Str::NONE,
        item_id: Str::NONE,
        name: Str::NONE,
    }
}

/// Say which parameters were left out, before anything else.
unsafe fn report_dropped(host: &Host, ctx: *mut Ctx, call: &mut Call) -> Status {
    let dropped = core::mem::take(&mut call.dropped);
    for (bit, name) in UNKNOWN {
        if dropped & bit != 0 {
            let status = (host.emit)(ctx, &Event { name: Str::of(name.as_bytes()), ..event(EVENT_DROPPED) });
            if status != OK {
                return status;
            }
        }
    }
    OK
}

/// One line of the answer. What emit() answers is handed back at once.
unsafe extern "C" fn frame(ctx: *mut Ctx, state: *mut State, call: *mut Call, frame: *const Frame) -> Status {
    let host = &*(*state).host;
    let line = (*frame).data;

    let status = report_dropped(host, ctx, &mut *call);
    if status != OK {
        return status;
    }
    if line.bytes() != b"." {
        return (host.emit)(ctx, &Event { text: line, ..event(EVENT_TEXT) });
    }
    match (host.emit)(ctx, &Event { finish: FINISH_STOP, text: line, ..event(EVENT_FINISH) }) {
        OK => DONE, // nothing more is waited for
        status => status,
    }
}

const fn setting(name: *const u8, flags: u32, field: usize, help: *const u8) -> Setting {
    Setting {
        name,
        kind: SET_STRING,
        flags,
        offset: field * size_of::<*const u8>(), // State begins with its settings, a pointer each
        default_value: ptr::null(),
        min: 0.0,
        max: 0.0,
        choices: ptr::null(),
        help,
    }
}

static SETTINGS: Shared<[Setting; 2]> = Shared([
    setting(c!("base_url"), SETF_REQUIRED | SETF_URL, 0, c!("Root URL of the Ferrous server.")),
    setting(c!("api_key"), SETF_SECRET, 1, c!("Key for base_url; left out when empty.")),
]);

static OPS: ProviderOps = ProviderOps {
    struct_size: size_of::<ProviderOps>() as u32,
    dialect_count: 0,
    call_size: size_of::<Call>(),
    open: Some(open),
    close: None,
    request: Some(request),
    frame: Some(frame),
};

static PLUGIN: Shared<Plugin> = Shared(Plugin {
    magic: MAGIC,
    abi_major: MAJOR,
    abi_minor: MINOR,
    struct_size: size_of::<Plugin>() as u32,
    kind: KIND_PROVIDER,
    name: c!("ferrous"),
    version: c!("1.0.0"),
    summary: c!("Chats of a Ferrous server"),
    state_size: size_of::<State>(),
    settings: SETTINGS.0.as_ptr(),
    setting_count: 2,
    setting_size: size_of::<Setting>() as u32,
    metrics: ptr::null(),
    metric_count: 0,
    metric_size: 0,
    provider: &OPS,
    feature: ptr::null(),
});

/// The one symbol that a plugin exports.
#[no_mangle]
pub extern "C" fn aigw_plugin_entry() -> *const Plugin {
    &PLUGIN.0
}
