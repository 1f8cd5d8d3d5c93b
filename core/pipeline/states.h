/* states.h - the state machine of a request, as a table without anything else, so that a test can walk all of it.
 * docs/architecture.md draws it. */
#ifndef GW_REQUEST_STATES_H
#define GW_REQUEST_STATES_H

/** Up to RUN each state is a step of request.c, taken when the one before says so; a step may take its time. */
enum gw_request_state {
    GW_REQUEST_HEAD,      /* what was asked for?                                       */
    GW_REQUEST_AUTH,      /* who asks?                                                 */
    GW_REQUEST_BODY,      /* the listener reads it                                     */
    GW_REQUEST_CHECK,     /* the feature validates                                     */
    GW_REQUEST_PERMIT,    /* may the caller do that?                                   */
    GW_REQUEST_RUN,       /* the feature works, its calls, timers and jobs besides      */
    GW_REQUEST_ANSWERING, /* an answer was begun; the feature may still work on it      */
    GW_REQUEST_GONE,      /* the client left or the deadline passed: nothing counts     */
    GW_REQUEST_DONE,
    GW_REQUEST_STATES
};
enum gw_request_step {
    GW_REQUEST_GO_ON,  /* this step is done            */
    GW_REQUEST_ANSWER, /* an answer begins             */
    GW_REQUEST_LEAVE,  /* nobody waits for it any more */
    GW_REQUEST_END,    /* the listener has forgotten it */
    GW_REQUEST_STEPS
};
/** GW_REQUEST_STATES when the step is not legal in that state. */
enum gw_request_state gw_request_next(enum gw_request_state state, enum gw_request_step step);
const char *gw_request_state_name(enum gw_request_state state);
const char *gw_request_step_name(enum gw_request_step step);

/** The answer as the feature, or the core for it, makes it. */
enum gw_answer_state {
    GW_ANSWER_NONE,
    GW_ANSWER_STREAM, /* begun, not ended      */
    GW_ANSWER_WHOLE,  /* ended                 */
    GW_ANSWER_CUT,    /* broken off on purpose */
};

#endif
