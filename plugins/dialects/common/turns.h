/* turns.h - the order in which a conversation is told to servers whose turns alternate, in which results come first and
 * instructions stand apart: what stands where is the same for all of them, how it is written is not. */
#ifndef DIALECT_TURNS_H
#define DIALECT_TURNS_H

#include "wire.h"

/** How a dialect writes what turns_put() comes to. `out` is its own. */
struct turns_writer {
    void *out;
    bool has_no_system; /* the first instructions are the user's, too; else they stand elsewhere and are passed over */
    bool refuses_prefill; /* words in the assistant's mouth at the end are told by the user */
    /** A message as such: its role, and what stands beside its parts. */
    aigw_status (*check)(void *out, const struct aigw_message *msg);
    /** A result of a tool. */
    aigw_status (*result)(void *out, const struct aigw_part *result);
    /** Instead of it, all of a row of messages, while turns_goes_on(). NULL: one after the other. */
    aigw_status (*results)(void *out, const struct aigw_message *first);
    /** A part of instructions that came later than the first turn: in its place, as the user's and marked. Put to the
     * top it would mean something else, and break the prompt's cache. */
    aigw_status (*instruction)(void *out, const struct aigw_part *part);
    /** Any other part of a message, results included, which stand there already. text: that of the part, without blanks
     *  at its end where it is the last of an assistant's last turn. is_told: an assistant's that the user tells. */
    aigw_status (*part)(void *out, bool is_assistant, const struct aigw_part *part, aigw_str text, bool is_told);
};

/** The messages after the first instructions. */
aigw_status turns_put(const struct turns_writer *writer, const struct aigw_message *messages);
/** This message belongs to the row of results that came before it: it has some, too, or is an instruction in between.
 */
static inline bool turns_goes_on(const struct aigw_message *msg)
{
    return msg && (wire_is_system(msg) || wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT));
}

#endif
