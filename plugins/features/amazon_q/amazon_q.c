/* amazon_q.c - feature plugin for /v1/amazon_q/…: GitLab's integration with Amazon Q Developer, of which this gateway
 * has the refusals only. The caller's right and the body are checked as GitLab expects it; then every request ends with
 * the words for a gateway without access to AWS.
 * State: none.
 */
#include <aigw/body.h>
#include <aigw/sdk.h>

#include <stdbool.h>

/* Tag of a route. */
enum { APPLICATION, DELETE, VERIFY, EVENTS };

struct amazon_q {
    const struct aigw_host *host;
};

/** A body. It is judged, and nothing of it is kept but which kind of payload it is, because a union needs the place. */
struct amazon_q_body {
    struct amazon_q_payload {
        uint32_t source;
    } payload;
};

/* ---- bodies ---- */

#define TEXT(field, length) \
    { \
        .name = (field), .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, .offset = AIGW_BODY_NOWHERE, \
        .max = (length) \
    }
#define ISSUE   0x1u
#define REQUEST 0x2u /* merge request */
#define HOOK    0x4u
#define ID(field, of) \
    { \
        .name = (field), .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, .offset = AIGW_BODY_NOWHERE, \
        .max = 1024, .variants = (of) \
    }
#define OPTION(field) \
    { \
        .name = (field), .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE, .offset = AIGW_BODY_NOWHERE, \
        .variants = REQUEST \
    }

static const struct aigw_body_field application_fields[] = {
    TEXT("client_id", 255),    TEXT("client_secret", 1000), TEXT("instance_url", 500),
    TEXT("redirect_url", 500), TEXT("role_arn", 2048),
};
static const struct aigw_body_field delete_fields[] = { TEXT("role_arn", 2048) };
static const struct aigw_body_field verify_fields[] = { TEXT("role_arn", 2048), TEXT("code", 255) };

static const struct aigw_body_field payload_fields[] = {
    { .name = "command",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = AIGW_BODY_NOWHERE,
      .max = 255,
      .variants = ISSUE | REQUEST },
    ID("project_path", ISSUE | REQUEST),
    ID("project_id", ISSUE | REQUEST),
    ID("discussion_id", ISSUE | REQUEST),
    { .name = "note_id",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_NULLABLE,
      .offset = AIGW_BODY_NOWHERE,
      .max = 1024,
      .variants = ISSUE | REQUEST },
    ID("issue_id", ISSUE),
    ID("issue_iid", ISSUE),
    ID("merge_request_id", REQUEST),
    ID("merge_request_iid", REQUEST),
    ID("source_branch", REQUEST),
    ID("target_branch", REQUEST),
    ID("last_commit_id", REQUEST),
    OPTION("start_sha"),
    OPTION("head_sha"),
    OPTION("file_path"),
    OPTION("comment_start_line"),
    OPTION("comment_end_line"),
    OPTION("user_message"),
    { .name = "data",
      .type = AIGW_BODY_MAP,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = AIGW_BODY_NOWHERE,
      .max = 1000,
      .variants = HOOK },
};
static const struct aigw_body_table payload_table = {
    AIGW_BODY_FIELDS(payload_fields),
    .size = sizeof(struct amazon_q_payload),
    .tag = "source",
    .tags = "issue|merge_request|web_hook",
    .variant_offset = offsetof(struct amazon_q_payload, source),
};

static const struct aigw_body_field event_fields[] = {
    TEXT("role_arn", 2048),
    TEXT("code", 255),
    { .name = "event_id", .type = AIGW_BODY_STRING, .offset = AIGW_BODY_NOWHERE, .max = 255 },
    { .name = "payload",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct amazon_q_body, payload),
      .table = &payload_table },
};

static const struct aigw_body_table tables[] = {
    [APPLICATION] = { AIGW_BODY_FIELDS(application_fields), .size = sizeof(struct amazon_q_body) },
    [DELETE] = { AIGW_BODY_FIELDS(delete_fields), .size = sizeof(struct amazon_q_body) },
    [VERIFY] = { AIGW_BODY_FIELDS(verify_fields), .size = sizeof(struct amazon_q_body) },
    [EVENTS] = { AIGW_BODY_FIELDS(event_fields), .size = sizeof(struct amazon_q_body) },
};

/* ---- the routes ---- */

#define Q_ROUTE(route_path, route_tag, route_summary) \
    { \
        .method = "POST", .path = (route_path), .scope = "amazon_q_integration", \
        .forbidden_detail = "Unauthorized to perform action", .tag = (route_tag), .category = "amazon_q", \
        .summary = (route_summary), .group = "amazon_q" \
    }

static const struct aigw_route routes[] = {
    Q_ROUTE("/v1/amazon_q/oauth/application", APPLICATION, "Create an OAuth application (needs AWS; refused here)"),
    Q_ROUTE("/v1/amazon_q/oauth/application/delete", DELETE, "Delete it (needs AWS; refused here)"),
    Q_ROUTE("/v1/amazon_q/oauth/application/verify", VERIFY, "Verify it (needs AWS; refused here)"),
    Q_ROUTE("/v1/amazon_q/events", EVENTS, "Send an event (needs AWS; refused here)"),
};

static aigw_status q_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct amazon_q *)self)->host = host;
    return AIGW_OK;
}

static aigw_status q_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    return aigw_body_of_request(((struct amazon_q *)self)->host, ctx, request, &tables[request->route->tag],
                                AIGW_JSON_NAN, NULL, NULL, call);
}

static aigw_status q_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct aigw_host *host = ((struct amazon_q *)self)->host;

    (void)call;
    (void)request;
    if (host->header(ctx, "X-Gitlab-Global-User-Id").len == 0)
        return host->respond_detail(ctx, 400, "User Id is missing");
    host->log(
        ctx, AIGW_LOG_WARNING,
        "Amazon Q was asked for, but this gateway has no access to AWS; use self-hosted models in GitLab instead");
    return host->respond_detail(ctx, 500, "Cannot obtain OIDC token");
}

static const struct aigw_feature_ops q_ops = {
    .struct_size = sizeof q_ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct amazon_q_body),
    .open = q_open,
    .check = q_check,
    .run = q_run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "amazon_q", .version = "1.0.0",
            .summary = "refuses Amazon Q's routes in the words GitLab knows", .state_size = sizeof(struct amazon_q),
            .feature = &q_ops);
