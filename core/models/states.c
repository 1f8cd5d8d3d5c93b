/* states.c - which step is legal where, and where it leads. */
#include "models/states.h"

#define NO GW_CALL_STATES

enum gw_call_state gw_call_next(enum gw_call_state state, enum gw_call_step step)
{
    static const unsigned char next[GW_CALL_STATES][GW_CALL_STEPS] = {
        /*                      BEGIN           REPEAT           QUEUE            COMMIT             FINISH */
        [GW_CALL_NEW] = { GW_CALL_TRYING, NO, GW_CALL_QUEUED, NO, NO,
                          /*                      END             FAIL             CANCEL */
                          NO, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_TRYING] = { NO, GW_CALL_RESTING, NO, GW_CALL_ANSWERING, NO, NO, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_RESTING] = { GW_CALL_TRYING, NO, GW_CALL_QUEUED, NO, NO, NO, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_QUEUED] = { GW_CALL_TRYING, NO, NO, NO, NO, NO, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_ANSWERING] = { NO, NO, NO, NO, GW_CALL_FINISHED, NO, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_FINISHED] = { NO, NO, NO, NO, NO, GW_CALL_OVER, GW_CALL_OVER, GW_CALL_OVER },
        [GW_CALL_OVER] = { NO, NO, NO, NO, NO, NO, NO, NO },
    };

    return state < GW_CALL_STATES && step < GW_CALL_STEPS ? (enum gw_call_state)next[state][step] : GW_CALL_STATES;
}

#undef NO
#define NO GW_ATTEMPT_STATES

enum gw_attempt_state gw_attempt_next(enum gw_attempt_state state, enum gw_attempt_step step)
{
    static const unsigned char next[GW_ATTEMPT_STATES][GW_ATTEMPT_STEPS] = {
        /*                         NEED                SEND             REFUSE              ACCEPT                */
        [GW_ATTEMPT_NEW] = { GW_ATTEMPT_WAITING, GW_ATTEMPT_SENT, NO, NO,
                             /*                         CLOSE */
                             GW_ATTEMPT_OVER },
        [GW_ATTEMPT_WAITING] = { GW_ATTEMPT_WAITING, GW_ATTEMPT_SENT, NO, NO, GW_ATTEMPT_OVER },
        [GW_ATTEMPT_SENT] = { NO, NO, GW_ATTEMPT_REFUSED, GW_ATTEMPT_ANSWERING, GW_ATTEMPT_OVER },
        [GW_ATTEMPT_REFUSED] = { NO, NO, NO, NO, GW_ATTEMPT_OVER },
        [GW_ATTEMPT_ANSWERING] = { NO, NO, NO, NO, GW_ATTEMPT_OVER },
        [GW_ATTEMPT_OVER] = { NO, NO, NO, NO, NO },
    };

    return state < GW_ATTEMPT_STATES && step < GW_ATTEMPT_STEPS ? (enum gw_attempt_state)next[state][step]
                                                                : GW_ATTEMPT_STATES;
}

const char *gw_call_state_name(enum gw_call_state state)
{
    static const char *const names[] = { "new", "trying", "resting", "queued", "answering", "finished", "over" };

    return state < GW_CALL_STATES ? names[state] : "none";
}

const char *gw_call_step_name(enum gw_call_step step)
{
    static const char *const names[] = { "begin", "repeat", "queue", "commit", "finish", "end", "fail", "cancel" };

    return step < GW_CALL_STEPS ? names[step] : "none";
}

const char *gw_attempt_state_name(enum gw_attempt_state state)
{
    static const char *const names[] = { "new", "waiting", "sent", "refused", "answering", "over" };

    return state < GW_ATTEMPT_STATES ? names[state] : "none";
}

const char *gw_attempt_step_name(enum gw_attempt_step step)
{
    static const char *const names[] = { "need", "send", "refuse", "accept", "close" };

    return step < GW_ATTEMPT_STEPS ? names[step] : "none";
}
