/* legacy_body.h - the body of POST /v1/chat/{chat_invokable}, checked. Strings live as the body does. */
#ifndef DUO_CHAT_LEGACY_BODY_H
#define DUO_CHAT_LEGACY_BODY_H

#include <aigw/body.h>

struct chat_legacy_message {
    aigw_str role, content;
};

/** What the one component carries. */
struct chat_component {
    aigw_str content;               /* ptr NULL: messages are given */
    struct aigw_body_list messages; /* of struct chat_legacy_message */
    aigw_str provider, model;       /* ptr NULL: null */
    aigw_str endpoint, api_key, identifier;
    struct aigw_body_list stops; /* of aigw_str */
    double temperature;
    int64_t max_tokens;
    uint32_t given; /* CHAT_GIVEN_PARAMS */
};
#define CHAT_GIVEN_PARAMS 0x1u

struct chat_legacy_request {
    struct aigw_body_list components; /* of struct chat_component: one */
    bool is_stream;
};

extern const struct aigw_body_table chat_legacy_table;

#endif
