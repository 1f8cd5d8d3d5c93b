/* primitives.h - the unit primitives that GitLab knows, which of them may be used with the proxies, and the part of
 * GitLab that they belong to, if it is known. */
#ifndef PROXY_PRIMITIVES_H
#define PROXY_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *name;
    bool is_usable;
    const char *category;
} proxy_primitives[] = {
    { "ai_gateway_model_provider_proxy", true, "duo_agent_platform" },
    { "amazon_q_integration", false, NULL },
    { "ask_build", true, NULL },
    { "ask_commit", true, NULL },
    { "ask_epic", true, NULL },
    { "ask_issue", true, NULL },
    { "ask_merge_request", true, NULL },
    { "ask_work_item", true, NULL },
    { "categorize_duo_chat_question", true, NULL },
    { "code_suggestions", false, NULL },
    { "complete_code", false, NULL },
    { "documentation_search", true, NULL },
    { "duo_agent_platform", false, NULL },
    { "duo_chat", true, NULL },
    { "duo_classic_chat", false, NULL },
    { "duo_workflow_execute_workflow", false, NULL },
    { "duo_workflow_generate_token", false, NULL },
    { "explain_code", true, "source_code_management" },
    { "explain_vulnerability", true, "vulnerability_management" },
    { "feature_discovery_search", false, NULL },
    { "fill_in_merge_request_template", true, NULL },
    { "fix_code", true, NULL },
    { "generate_code", false, NULL },
    { "generate_commit_message", true, "code_review_workflow" },
    { "generate_cube_query", true, NULL },
    { "generate_embeddings_codebase", false, NULL },
    { "generate_issue_description", true, NULL },
    { "glab_ask_git_command", true, NULL },
    { "include_agent_user_environment_context", false, NULL },
    { "include_dependency_context", false, NULL },
    { "include_directory_context", false, NULL },
    { "include_file_context", false, NULL },
    { "include_issue_context", false, NULL },
    { "include_local_git_context", false, NULL },
    { "include_merge_request_context", false, NULL },
    { "include_os_information_context", false, NULL },
    { "include_repository_context", false, NULL },
    { "include_snippet_context", false, NULL },
    { "include_terminal_context", false, NULL },
    { "measure_comment_temperature", true, NULL },
    { "refactor_code", true, NULL },
    { "resolve_vulnerability", true, NULL },
    { "review_merge_request", true, "code_review_workflow" },
    { "semantic_search_issue", true, NULL },
    { "summarize_comments", true, "team_planning" },
    { "summarize_issue_discussions", true, NULL },
    { "summarize_merge_request", true, "code_review_workflow" },
    { "summarize_new_merge_request", true, "code_review_workflow" },
    { "summarize_review", true, "code_review_workflow" },
    { "summarize_submitted_review", true, "code_review_workflow" },
    { "troubleshoot_job", true, "continuous_integration" },
    { "write_tests", true, NULL },
};

#endif
