/* tools.h - the tools that GitLab runs for the model: who may use which. What the model is told of each stands in the
 * prompt, under the tool's name. */
#ifndef DUO_CHAT_TOOLS_H
#define DUO_CHAT_TOOLS_H

#include <stdbool.h>

#include <aigw/host.h>

#define CHAT_TOOLS 7u

/** Name of tool 0 … CHAT_TOOLS - 1. */
aigw_str chat_tool_name(uint32_t tool);

/** Bit i: the caller may use tool i, and its GitLab has it. `has_all`: the caller needs no rights for them. */
uint32_t chat_tools_offered(const struct aigw_host *host, struct aigw_ctx *ctx, bool has_all);

/** The tool that a model means by a name: any case, with or without low lines. CHAT_TOOLS: none of them. */
uint32_t chat_tool_find(aigw_str name);
/** The name under which the prompt lets models announce an answer. */
bool chat_tool_is_answer(aigw_str name);

/** True when `version` is one that PEP 440 knows and is not older than `major.minor.patch-pre`. */
bool chat_version_reaches(aigw_str version, const uint32_t least[3]);

#endif
