/* turns.c - see turns.h. */
#include "turns.h"

/* Where the walk stands. */
struct walk {
    const struct turns_writer *writer;
    uint32_t results_ahead;             /* messages to come whose results stand there already */
    const struct aigw_message *waiting; /* instructions from here on are still to be put in place */
};

/* Results come first in their turn, those of the messages that follow with more of them included. */
static aigw_status put_results(struct walk *walk, const struct aigw_message *msg)
{
    const struct turns_writer *writer = walk->writer;
    aigw_status status = AIGW_OK;

    if (!wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT))
        return AIGW_OK;
    if (walk->results_ahead > 0) {
        walk->results_ahead--;
        return AIGW_OK;
    }
    for (const struct aigw_message *at = msg->next; turns_goes_on(at); at = at->next)
        walk->results_ahead += !wire_is_system(at);
    if (writer->results)
        return writer->results(writer->out, msg);
    for (const struct aigw_message *at = msg; turns_goes_on(at); at = at->next)
        for (const struct aigw_part *part = at->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOL_RESULT)
                status = writer->result(writer->out, part);
    return status;
}

static aigw_status put_waiting(struct walk *walk, const struct aigw_message *until)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *msg = walk->waiting; msg != until && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = wire_is_system(msg) ? msg->parts : NULL; part && status == AIGW_OK;
             part = part->next)
            if (part->type != AIGW_PART_TOOLS) /* those are listed elsewhere */
                status = walk->writer->instruction(walk->writer->out, part);
    walk->waiting = NULL;
    return status;
}

static aigw_status put_message(struct walk *walk, const struct aigw_message *msg)
{
    const struct turns_writer *writer = walk->writer;
    bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT, is_last = !msg->next;
    bool is_told = is_last && is_assistant && writer->refuses_prefill;
    aigw_status status = put_results(walk, msg);

    if (status == AIGW_OK && walk->waiting)
        status = put_waiting(walk, msg);
    for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
        bool is_tail = is_last && is_assistant && !part->next;

        status = writer->part(writer->out, is_assistant && !is_told, part,
                              is_tail ? wire_trim_end(part->text) : part->text, is_told);
    }
    return status;
}

aigw_status turns_put(const struct turns_writer *writer, const struct aigw_message *messages)
{
    struct walk walk = { .writer = writer };
    bool is_leading = !writer->has_no_system;
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *msg = messages; msg && status == AIGW_OK; msg = msg->next) {
        status = writer->check(writer->out, msg);
        is_leading = is_leading && wire_is_system(msg);
        if (status == AIGW_OK && !wire_is_system(msg))
            status = put_message(&walk, msg);
        else if (!is_leading && !walk.waiting)
            walk.waiting = msg;
    }
    return status == AIGW_OK && walk.waiting ? put_waiting(&walk, NULL) : status;
}
