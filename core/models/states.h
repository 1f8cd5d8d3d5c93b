/* states.h - the state machines of a call and of an attempt, as tables without anything else, so that a test can walk
 * all of them. docs/architecture.md draws them. */
#ifndef GW_MODEL_STATES_H
#define GW_MODEL_STATES_H

#include <stdbool.h>

/** A call: one model call that a feature asked for. */
enum gw_call_state {
    GW_CALL_NEW,       /* the first attempt begins from the loop                       */
    GW_CALL_TRYING,    /* an attempt runs, nothing of an answer was delivered           */
    GW_CALL_RESTING,   /* between two attempts                                         */
    GW_CALL_QUEUED,    /* no target has room, or all rest: one may come back            */
    GW_CALL_ANSWERING, /* START was delivered: there will be no other attempt          */
    GW_CALL_FINISHED,  /* every choice has its finish reason; the end may still follow  */
    GW_CALL_OVER,      /* END or ERROR was delivered, or it was cancelled              */
    GW_CALL_STATES
};
enum gw_call_step {
    GW_CALL_BEGIN,  /* an attempt is made                            */
    GW_CALL_REPEAT, /* it failed, and another one may do better      */
    GW_CALL_QUEUE,  /* there is none to make it at, but soon         */
    GW_CALL_COMMIT, /* the first thing of an answer is delivered     */
    GW_CALL_FINISH, /* the last finish reason is delivered           */
    GW_CALL_END,    /* the answer is whole                           */
    GW_CALL_FAIL,   /* there will be no answer, or no more of it      */
    GW_CALL_CANCEL, /* nobody wants it any more                      */
    GW_CALL_STEPS
};
/** GW_CALL_STATES when the step is not legal in that state. */
enum gw_call_state gw_call_next(enum gw_call_state state, enum gw_call_step step);
const char *gw_call_state_name(enum gw_call_state state);
const char *gw_call_step_name(enum gw_call_step step);

/** An attempt: one try of a call at one target. */
enum gw_attempt_state {
    GW_ATTEMPT_NEW,
    GW_ATTEMPT_WAITING,   /* for a credential                                    */
    GW_ATTEMPT_SENT,      /* the request is on its way, no answer yet             */
    GW_ATTEMPT_REFUSED,   /* a bad status came; what explains it is being read    */
    GW_ATTEMPT_ANSWERING, /* a good one came, or a provider without HTTP produces */
    GW_ATTEMPT_OVER,
    GW_ATTEMPT_STATES
};
enum gw_attempt_step {
    GW_ATTEMPT_NEED,   /* a credential is missing        */
    GW_ATTEMPT_SEND,   /* the request goes out           */
    GW_ATTEMPT_REFUSE, /* a bad status                   */
    GW_ATTEMPT_ACCEPT, /* a good status                  */
    GW_ATTEMPT_CLOSE,  /* whole, failed, or not wanted   */
    GW_ATTEMPT_STEPS
};
enum gw_attempt_state gw_attempt_next(enum gw_attempt_state state, enum gw_attempt_step step);
const char *gw_attempt_state_name(enum gw_attempt_state state);
const char *gw_attempt_step_name(enum gw_attempt_step step);

#endif
