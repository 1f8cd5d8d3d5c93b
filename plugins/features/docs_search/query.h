/* query.h - what a person asks → an FTS5 expression. */
#ifndef DOCS_SEARCH_QUERY_H
#define DOCS_SEARCH_QUERY_H

#include <aigw/abi.h>

#define DS_WORDS_MAX      64u /* different words that are looked for; further ones are not */
#define DS_WORD_MAX       64u /* bytes of one; longer ones are no words */
#define DS_EXPRESSION_MAX (DS_WORDS_MAX * (DS_WORD_MAX + sizeof " OR \"\"") + 1u)

/** Write the words of `text` that say what it is about, each in quotes, with OR between them, NUL-terminated. Whatever
 *  the text is, the expression is well-formed: no operator, quote or bracket of it gets in. The words that every
 * question has ("how do I …") only count when there are no others. Empty: there is nothing to look for. */
void ds_expression(aigw_str text, char ret_expression[DS_EXPRESSION_MAX]);

#endif
