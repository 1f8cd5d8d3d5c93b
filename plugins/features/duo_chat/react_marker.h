/* react_marker.h - the words that part a ReAct text, wherever they stand. Private to the reader in react.c. */
#ifndef DUO_CHAT_REACT_MARKER_H
#define DUO_CHAT_REACT_MARKER_H

#include <stdbool.h>

#include <aigw/abi.h>

enum react_word {
    REACT_WORD_ANSWER,
    REACT_WORD_INPUT,
    REACT_WORD_ACTION,
    REACT_WORD_OBSERVATION,
    REACT_WORD_THOUGHT,
    REACT_WORD_THINK_END
};

struct react_marker {
    enum react_word word;
    size_t at, end; /* with everything that decorates it */
};

enum react_match { REACT_NO, REACT_YES, REACT_MORE /* the text ends inside of what may be one */ };

/** Does a marker begin at byte `at`? `is_whole`: nothing follows the text, so it is never MORE. */
enum react_match react_match_at(aigw_str text, size_t at, bool is_whole, struct react_marker *ret_marker);

#endif
