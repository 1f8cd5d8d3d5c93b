/* states.c - which step of a request is legal where, and where it leads. */
#include "pipeline/states.h"

#define NO  GW_REQUEST_STATES
#define ANS GW_REQUEST_ANSWERING
#define OUT GW_REQUEST_GONE
#define END GW_REQUEST_DONE

enum gw_request_state gw_request_next(enum gw_request_state state, enum gw_request_step step)
{
    /* clang-format off */
    static const unsigned char next[GW_REQUEST_STATES][GW_REQUEST_STEPS] = {
        /*                           GO_ON              ANSWER LEAVE END */
        [GW_REQUEST_HEAD]      = { GW_REQUEST_AUTH,   ANS,   OUT,  END },
        [GW_REQUEST_AUTH]      = { GW_REQUEST_BODY,   ANS,   OUT,  END },
        [GW_REQUEST_BODY]      = { GW_REQUEST_CHECK,  ANS,   OUT,  END },
        [GW_REQUEST_CHECK]     = { GW_REQUEST_PERMIT, ANS,   OUT,  END },
        [GW_REQUEST_PERMIT]    = { GW_REQUEST_RUN,    ANS,   OUT,  END },
        [GW_REQUEST_RUN]       = { NO,                ANS,   OUT,  END },
        [GW_REQUEST_ANSWERING] = { NO,                NO,    OUT,  END },
        [GW_REQUEST_GONE]      = { NO,                NO,    NO,   END },
        [GW_REQUEST_DONE]      = { NO,                NO,    NO,   NO },
    };
    /* clang-format on */

    return state < GW_REQUEST_STATES && step < GW_REQUEST_STEPS ? (enum gw_request_state)next[state][step]
                                                                : GW_REQUEST_STATES;
}

const char *gw_request_state_name(enum gw_request_state state)
{
    static const char *const names[] = {
        "head", "auth", "body", "check", "permit", "run", "answering", "gone", "done"
    };

    return state < GW_REQUEST_STATES ? names[state] : "none";
}

const char *gw_request_step_name(enum gw_request_step step)
{
    static const char *const names[] = { "go on", "answer", "leave", "end" };

    return step < GW_REQUEST_STEPS ? names[step] : "none";
}
