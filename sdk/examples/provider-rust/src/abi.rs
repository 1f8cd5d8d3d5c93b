//! What this plugin needs of <aigw/sdk.h>, by hand.
//!
//! A struct may end here where we need no more of it: every struct says its size, and each side copies no more than both
//! know. What the gateway fills and we only read may be cut in the same way. The order of members is the header's.
//! Texts and opaque things are byte pointers: C's `char` differs between machines, a pointer does not.

pub type Status = i32;
pub const OK: Status = 0;
pub const DONE: Status = 1;
pub const E_NOMEM: Status = -1;
pub const E_UNSUPPORTED: Status = -7;

pub const MAJOR: u16 = 1;
pub const MINOR: u16 = 0;
pub const MAGIC: u32 = 0x4149_4757;
pub const KIND_PROVIDER: u32 = 1;

pub const SET_STRING: u32 = 1;
pub const SETF_REQUIRED: u32 = 0x1;
pub const SETF_SECRET: u32 = 0x2;
pub const SETF_URL: u32 = 0x4;

pub const LIFE_BUILD: u32 = 2;
pub const TARGETF_CALLER_ENDPOINT: u32 = 0x1;
pub const FRAMING_NDJSON: u32 = 3;

pub const CALL_CHAT: u32 = 1;
pub const PART_TEXT: u32 = 1;
pub const PARAM_MAX_TOKENS: u32 = 0x8;

pub const EVENT_TEXT: u32 = 1;
pub const EVENT_FINISH: u32 = 6;
pub const EVENT_DROPPED: u32 = 19;
pub const FINISH_STOP: u32 = 1;

/// Bytes with a length: UTF-8, not NUL-terminated. A null pointer is an absent text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub ptr: *const u8,
    pub len: usize,
}

impl Str {
    pub const NONE: Str = Str { ptr: core::ptr::null(), len: 0 };

    pub fn of(bytes: &[u8]) -> Str {
        Str { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// # Safety
    /// The text must live as long as it is looked at: see the header for how long that is.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            &[]
        } else {
            core::slice::from_raw_parts(self.ptr, self.len)
        }
    }
}

pub enum Ctx {}
pub enum Buf {}

#[repr(C)]
pub struct Setting {
    pub name: *const u8,
    pub kind: u32,
    pub flags: u32,
    pub offset: usize,
    pub default_value: *const u8,
    pub min: f64,
    pub max: f64,
    pub choices: *const u8,
    pub help: *const u8,
}

#[repr(C)]
pub struct Plugin {
    pub magic: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub struct_size: u32,
    pub kind: u32,
    pub name: *const u8,
    pub version: *const u8,
    pub summary: *const u8,
    pub state_size: usize,
    pub settings: *const Setting,
    pub setting_count: u32,
    pub setting_size: u32,
    pub metrics: *const u8,
    pub metric_count: u32,
    pub metric_size: u32,
    pub provider: *const ProviderOps,
    pub feature: *const u8,
}

#[repr(C)]
pub struct ProviderOps {
    pub struct_size: u32,
    pub dialect_count: u32,
    pub call_size: usize,
    pub open: Option<unsafe extern "C" fn(*const Host, *mut Ctx, *mut State) -> Status>,
    pub close: Option<unsafe extern "C" fn(*mut State)>,
    pub request: Option<
        unsafe extern "C" fn(*mut Ctx, *mut State, *mut Call, *const Target, *const ModelRequest, *mut HttpRequest) -> Status,
    >,
    pub frame: Option<unsafe extern "C" fn(*mut Ctx, *mut State, *mut Call, *const Frame) -> Status>,
}

/// The gateway's functions, as far as emit().
#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub alloc: unsafe extern "C" fn(*mut Ctx, u32, usize) -> *mut u8,
    pub format: unsafe extern "C" fn(*mut Ctx, u32, *const u8, ...) -> *mut u8,
    pub defer: unsafe extern "C" fn(*mut Ctx, u32, Option<unsafe extern "C" fn(*mut u8)>, *mut u8) -> Status,
    pub buf_new: unsafe extern "C" fn(*mut Ctx, u32, usize) -> *mut Buf,
    pub buf_put: unsafe extern "C" fn(*mut Buf, *const u8, usize),
    pub buf_printf: unsafe extern "C" fn(*mut Buf, *const u8, ...),
    pub buf_json: unsafe extern "C" fn(*mut Buf, Str),
    pub buf_json_ascii: unsafe extern "C" fn(*mut Buf, Str),
    pub buf_clear: unsafe extern "C" fn(*mut Buf),
    pub buf_view: unsafe extern "C" fn(*mut Buf, *mut Str) -> Status,
    pub fail: unsafe extern "C" fn(*mut Ctx, Status, *const u8, ...) -> Status,
    pub last_error: unsafe extern "C" fn(*mut Ctx) -> *const u8,
    pub log: unsafe extern "C" fn(*mut Ctx, u32, *const u8, ...),
    pub count: unsafe extern "C" fn(*mut Ctx, u32, *const Str, f64),
    pub annotate: unsafe extern "C" fn(*mut Ctx, *const u8, Str),
    pub time_s: unsafe extern "C" fn(*mut Ctx) -> i64,
    pub mono_ms: unsafe extern "C" fn(*mut Ctx) -> i64,
    pub random: unsafe extern "C" fn(*mut Ctx, *mut u8, usize) -> Status,
    pub sha256: unsafe extern "C" fn(*mut Ctx, Str, *mut u8) -> Status,
    pub hmac_sha256: unsafe extern "C" fn(*mut Ctx, Str, Str, *mut u8) -> Status,
    pub emit: unsafe extern "C" fn(*mut Ctx, *const Event) -> Status,
}

#[repr(C)]
pub struct Target {
    pub struct_size: u32,
    pub flags: u32,
    pub model: Str,
    pub endpoint: Str,
    pub api_key: Str,
}

#[repr(C)]
pub struct ModelRequest {
    pub struct_size: u32,
    pub kind: u32,
    pub flags: u32,
    pub tool_choice: u32,
    pub messages: *const Message,
    pub tools: *const u8,
    pub tool_choice_name: Str,
    pub prompt: Str,
    pub suffix: Str,
    pub inputs: *const Str,
    pub input_count: u32,
    pub dimensions: i32,
    pub input_type: Str,
    pub params: *const Params,
    pub extra: Str,
}

#[repr(C)]
pub struct Message {
    pub struct_size: u32,
    pub role: u32,
    pub next: *const Message,
    pub parts: *const Part,
    pub name: Str,
    pub phase: Str,
    pub effort: Str,
    pub extra: Str,
}

#[repr(C)]
pub struct Part {
    pub struct_size: u32,
    pub kind: u32,
    pub flags: u32,
    pub cache_ttl_s: u32,
    pub next: *const Part,
    pub text: Str,
    pub id: Str,
    pub item_id: Str,
    pub name: Str,
    pub scope: Str,
    pub media_type: Str,
    pub data: Str,
    pub url: Str,
    pub file_id: Str,
    pub title: Str,
    pub detail: Str,
    pub origin: Str,
    pub citations: Str,
    pub parts: *const Part,
    pub tools: *const u8,
    pub extra: Str,
}

#[repr(C)]
pub struct Params {
    pub struct_size: u32,
    pub set: u32,
    pub temperature: f64,
    pub top_p: f64,
    pub min_p: f64,
    pub presence_penalty: f64,
    pub frequency_penalty: f64,
    pub repetition_penalty: f64,
    pub top_k: i64,
    pub max_tokens: i64,
}

#[repr(C)]
pub struct HttpRequest {
    pub struct_size: u32,
    pub framing: u32,
    pub method: *const u8,
    pub url: *const u8,
    pub headers: *const *const u8,
    pub header_count: u32,
    pub reserved: u32,
    pub body: Str,
}

#[repr(C)]
pub struct Frame {
    pub struct_size: u32,
    pub framing: u32,
    pub event: Str,
    pub data: Str,
}

#[repr(C)]
pub struct Event {
    pub struct_size: u32,
    pub kind: u32,
    pub choice: u32,
    pub index: u32,
    pub finish: u32,
    pub part_type: u32,
    pub text: Str,
    pub id: Str,
    pub item_id: Str,
    pub name: Str,
}

/// One group of conf.d. The gateway fills the settings in before open().
#[repr(C)]
pub struct State {
    pub base_url: *const u8,
    pub api_key: *const u8,
    pub host: *const Host,
}

/// One attempt. Zeroed before request().
#[repr(C)]
pub struct Call {
    pub dropped: u32,
}

/// Statics with pointers in them: what they point to is constant.
#[repr(transparent)]
pub struct Shared<T>(pub T);
unsafe impl<T> Sync for Shared<T> {}
