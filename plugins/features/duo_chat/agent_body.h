/* agent_body.h - the body of POST /v2/chat/agent, checked. Strings point into the body and the build's memory. */
#ifndef DUO_CHAT_AGENT_BODY_H
#define DUO_CHAT_AGENT_BODY_H

#include <aigw/body.h>

#include "../common/model_metadata.h"

#define CHAT_GIVEN_SCRATCHPAD 0x1u /* of a message: not null */
#define CHAT_GIVEN_OPTIONS    0x1u /* of the request */
#define CHAT_GIVEN_RESOURCES  0x2u
#define CHAT_GIVEN_METADATA   0x4u

/** One turn of the tool loop. */
struct chat_step {
    uint32_t given; /* CHAT_GIVEN_ACTION */
    aigw_str thought, tool, tool_input, observation;
};
#define CHAT_GIVEN_ACTION 0x1u

struct chat_extra {
    aigw_str category, id, content;
    aigw_str metadata; /* JSON object text */
};

struct chat_message {
    uint32_t given;
    aigw_str role;
    aigw_str content;                                      /* ptr NULL: null or absent */
    aigw_str context_type, context_title, context_content; /* the page that the user looks at */
    aigw_str file_path, file_data;
    bool is_selection;            /* file_data is what the user selected */
    struct aigw_body_list extras; /* of struct chat_extra */
    struct aigw_body_list steps;  /* of struct chat_step */
};

struct chat_request {
    uint32_t given;
    struct aigw_body_list messages;  /* of struct chat_message */
    struct aigw_body_list steps;     /* older GitLabs: in place of those of the last message */
    struct aigw_body_list resources; /* of aigw_str */
    struct model_metadata metadata;
};

extern const struct aigw_body_table chat_request_table;

#endif
