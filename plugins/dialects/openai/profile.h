/* profile.h - the servers that speak the OpenAI dialect, each a bit differently: what they do not take, what they call
 * things, where they are. Data, one row a server; request_write.c and request_messages.c read it. */
#ifndef OPENAI_PROFILE_H
#define OPENAI_PROFILE_H

#include "../common/names.h"
#include "../common/wire.h"

/* What a server does not take. What clients could not notice is left out and said; what would change the answer is
 * refused as unsupported, so that another target is tried. */
#define OPENAI_NO_TOP_K          0x00000001u
#define OPENAI_NO_MIN_P          0x00000002u
#define OPENAI_NO_REPETITION     0x00000004u
#define OPENAI_NO_MIN_TOKENS     0x00000008u
#define OPENAI_NO_SAMPLING       0x00000010u /* temperature and top_p, the penalties, all of the above               */
#define OPENAI_NO_PENALTIES      0x00000020u /* presence, frequency                                                  */
#define OPENAI_NO_SEED           0x00000040u
#define OPENAI_NO_LOGPROBS       0x00000080u /* refused: clients read them in the answer                             */
#define OPENAI_NO_LOGIT_BIAS     0x00000100u
#define OPENAI_NO_USER           0x00000200u
#define OPENAI_NO_CHOICES        0x00000400u /* refused: more than one answer                                        */
#define OPENAI_NO_NAMES          0x00000800u /* of messages                                                          */
#define OPENAI_NO_TOOLS          0x00001000u /* refused                                                              */
#define OPENAI_NO_TOOL_CHOICE    0x00002000u
#define OPENAI_NO_PARALLEL       0x00004000u /* parallel_tool_calls                                                  */
#define OPENAI_NO_EFFORT         0x00008000u
#define OPENAI_NO_VERBOSITY      0x00010000u
#define OPENAI_NO_SERVICE_TIER   0x00020000u
#define OPENAI_NO_CACHE_KEY      0x00040000u
#define OPENAI_NO_PREDICTION     0x00080000u
#define OPENAI_NO_METADATA       0x00100000u
#define OPENAI_NO_SCHEMA         0x00200000u /* some JSON object instead                                             */
#define OPENAI_NO_STREAM_OPTIONS 0x00400000u
#define OPENAI_NO_SUFFIX         0x00800000u /* refused: text behind a gap                                           */
#define OPENAI_NO_COMPLETIONS    0x01000000u /* refused: there is no such path                                       */
#define OPENAI_NO_EMBEDDINGS     0x02000000u /* refused                                                              */
#define OPENAI_NO_DIMENSIONS     0x04000000u /* refused                                                              */

/* What only servers other than OpenAI's have, and the other way round. */
#define OPENAI_NO_EXTRAS (OPENAI_NO_TOP_K | OPENAI_NO_MIN_P | OPENAI_NO_REPETITION | OPENAI_NO_MIN_TOKENS)
#define OPENAI_NO_OFFICIAL \
    (OPENAI_NO_VERBOSITY | OPENAI_NO_SERVICE_TIER | OPENAI_NO_CACHE_KEY | OPENAI_NO_PREDICTION | OPENAI_NO_METADATA)

/* What it calls things. */
#define OPENAI_SAYS_DEVELOPER      0x001u /* the role, where others know only system                                  */
#define OPENAI_SAYS_ALLOWED        0x002u /* tool_choice of the kind allowed_tools                                    */
#define OPENAI_SAYS_MAX_COMPLETION 0x004u /* max_completion_tokens for max_tokens */
#define OPENAI_SAYS_RANDOM_SEED    0x008u /* random_seed for seed                                                     */
#define OPENAI_SAYS_REPEAT         0x010u /* repeat_penalty for repetition_penalty                                    */
#define OPENAI_SAYS_ANY            0x020u /* tool_choice any for required                                             */
#define OPENAI_SAYS_NO_NAMED       0x040u /* tool_choice is a word: a named tool is the only one, and required        */
#define OPENAI_SAYS_SCHEMA_ONLY    0x080u /* no json_object: a schema of any object                                   */
#define OPENAI_SAYS_ABOVE_ZERO     0x100u /* temperature 0 and top_p 1 are said by saying nothing                     */
#define OPENAI_SAYS_LOGPROBS_COUNT 0x200u /* logprobs is a number in a chat too */
#define OPENAI_SAYS_CUSTOM         0x800u /* tools that take plain text; elsewhere they become functions               */
#define OPENAI_SAYS_REASONING_BACK 0x400u /* wants the reasoning of turns with tool calls back */

/* What becomes of words put into the assistant's mouth: the last message is the assistant's. */
#define OPENAI_PREFILL_PLAIN    0u /* the server sees by itself, or does not                                          */
#define OPENAI_PREFILL_CONTINUE 1u /* "continue_final_message": true */
#define OPENAI_PREFILL_PREFIX   2u /* "prefix": true in the message                                                   */
#define OPENAI_PREFILL_PARTIAL  3u /* "partial": true in the message */
#define OPENAI_PREFILL_TOLD     4u /* not taken: a user's message says what was said so far                           */

#define OPENAI_STOPS_ALL (-1) /* no limit */

/** A kind of server. */
struct openai_profile {
    const char *name;     /* as the setting says it */
    const char *hosts;    /* of the public service, "a.example|b.example"; NULL for what people run themselves */
    const char *base_url; /* of the public service, NULL without */
    uint32_t refuses;     /* OPENAI_NO_* */
    uint32_t says;        /* OPENAI_SAYS_* */
    uint32_t prefill;     /* OPENAI_PREFILL_* */
    int32_t max_stops;    /* stop texts, OPENAI_STOPS_ALL */
    const char *thinking; /* member that switches reasoning, NULL: reasoning_effort does */
    const char *off, *on; /* its values, JSON text */
    const char *version;  /* behind a base URL without any path, as people know the server by; NULL: nothing */
    const char *beta;     /* where completions and prefilled chats are, before the path; NULL: with the others */
};

/** The profile of that name; for "auto" that of the service whose host the base URL names, else the plain dialect. */
const struct openai_profile *openai_profile(const char *name, aigw_str base);
/** Names joined by '|', for the setting's choices. */
#define OPENAI_PROFILE_NAMES \
    "auto|plain|openai|azure|vllm|sglang|ollama|lmstudio|llamacpp|tgi|litellm|fireworks|groq|deepseek|openrouter|xai|" \
    "together|perplexity|mistral|sambanova|cerebras|nvidia|deepinfra|moonshot|zai|dashscope|github|gemini|" \
    "huggingface|nebius|cohere|hyperbolic|novita|siliconflow|scaleway|vercel"

/** Headers that tell how much of a rate limit is left. */
#define OPENAI_RATES 14
extern const struct aigw_rate_header openai_rate_headers[OPENAI_RATES];

/** How the server at hand differs from the plain dialect: its profile, corrected by the model's name and settings. */
struct openai_quirks {
    uint32_t refuses, says, prefill;
    int64_t max_stops;
    const char *thinking, *off, *on;
    struct names *names; /* of the call: tools that the server does not know as they are; NULL: all go as they are */
    struct stops *stops; /* of the call: stop texts beyond what the server takes; NULL: they are left out */
    bool send_reasoning; /* wants the reasoning of all earlier turns back */
    aigw_str body;       /* the operator's extra members, a JSON object's text, may be absent */
};

/** The profile's, with what the model's name says about every server that has it. */
struct openai_quirks openai_quirks_of(const struct openai_profile *profile, aigw_str model);

#endif
