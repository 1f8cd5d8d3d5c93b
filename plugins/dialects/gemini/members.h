/* members.h - members of this API's JSON, which Google writes and reads in two spellings: generationConfig, and
 * generation_config as protobuf and Python have it. Names are given in small letters, parts joined by _. */
#ifndef GEMINI_MEMBERS_H
#define GEMINI_MEMBERS_H

#include "../common/read.h"

/** Which of the names the key is; `count` for none. */
size_t gemini_key_of(const struct aigw_json *key, const char *const *names, size_t count);
/** Those members of the object, in one walk: the last of each name, absent ones among them. */
void gemini_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret);
/** One of them; false with *ret absent, also when `object` is no object. */
bool gemini_member(const struct aigw_json *object, const char *name, struct aigw_json *ret);
/** Its text; absent when it is none. */
aigw_str gemini_str(struct reader *r, const struct aigw_json *object, const char *name);
/** Its number of tokens, else -1. */
int64_t gemini_tokens_in(const struct aigw_json *object, const char *name);

#endif
