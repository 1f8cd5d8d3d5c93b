/* answer_error.c - refusals of Bedrock and of what stands before it, in canonical terms. The shapes:
 *
 *     {"message"}, {"Message"} with the header x-amzn-errortype: ValidationException:http://…     HTTP
 *     {"__type":"com.amazon.coral…#AccessDeniedException","message"}                              some services of AWS
 *     {"message","originalStatusCode","originalMessage"} named throttlingException                in a stream
 *
 * What the signature or the key is refused for is told in words of our own: theirs repeat what was signed. */
#include "converse.h"

#include "../common/refusal.h"

#include <string.h>
#include <strings.h>

static const char check_keys[] = "; check the AWS credentials configured for this model";

static const struct {
    const char *name;
    uint32_t kind;
    int32_t status;    /* in a stream, where the status was 200 */
    const char *words; /* instead of theirs; NULL: theirs */
} exceptions[] = {
    { "ValidationException", AIGW_ERR_BAD_REQUEST, 400, NULL },
    { "AccessDeniedException", AIGW_ERR_PERMISSION, 403, NULL },
    { "ResourceNotFoundException", AIGW_ERR_NOT_FOUND, 404, NULL },
    { "ModelTimeoutException", AIGW_ERR_TIMEOUT, 408, NULL },
    { "ModelErrorException", AIGW_ERR_SERVER, 424, NULL },
    { "ModelStreamErrorException", AIGW_ERR_SERVER, 424, NULL },
    { "ThrottlingException", AIGW_ERR_RATE_LIMITED, 429, NULL },
    { "TooManyRequestsException", AIGW_ERR_RATE_LIMITED, 429, NULL },
    { "ModelNotReadyException", AIGW_ERR_OVERLOADED, 429, NULL },
    { "ServiceQuotaExceededException", AIGW_ERR_RATE_LIMITED, 400, NULL },
    { "InternalServerException", AIGW_ERR_SERVER, 500, NULL },
    { "InternalFailure", AIGW_ERR_SERVER, 500, NULL },
    { "ServiceUnavailableException", AIGW_ERR_OVERLOADED, 503, NULL },
    { "ServiceUnavailable", AIGW_ERR_OVERLOADED, 503, NULL },
    { "UnrecognizedClientException", AIGW_ERR_AUTH, 403, "AWS does not know the access key, or its session token" },
    { "InvalidClientTokenId", AIGW_ERR_AUTH, 403, "AWS does not know the access key" },
    { "InvalidSignatureException", AIGW_ERR_AUTH, 403,
      "AWS refused the signature: the secret access key is not the access key's, or this machine's clock is wrong" },
    { "SignatureDoesNotMatch", AIGW_ERR_AUTH, 403,
      "AWS refused the signature: the secret access key is not the access key's, or this machine's clock is wrong" },
    { "RequestTimeTooSkewed", AIGW_ERR_AUTH, 403,
      "AWS refused the signature's time: this machine's clock is more than five minutes off" },
    { "RequestExpired", AIGW_ERR_AUTH, 403,
      "AWS refused the signature's time: this machine's clock is more than five minutes off" },
    { "ExpiredTokenException", AIGW_ERR_AUTH, 403, "the AWS session has ended" },
    { "ExpiredToken", AIGW_ERR_AUTH, 403, "the AWS session has ended" },
    { "IncompleteSignature", AIGW_ERR_AUTH, 403, "AWS could not read the signature" },
    { "IncompleteSignatureException", AIGW_ERR_AUTH, 403, "AWS could not read the signature" },
    { "MissingAuthenticationToken", AIGW_ERR_AUTH, 403, "AWS saw no signature" },
    { "MissingAuthenticationTokenException", AIGW_ERR_AUTH, 403, "AWS saw no signature" },
};
#define EXCEPTIONS (sizeof exceptions / sizeof *exceptions)

static bool is_named(aigw_str name, const char *exception)
{
    return name.len == strlen(exception) && strncasecmp(name.ptr, exception, name.len) == 0;
}

/* "com.amazon.coral.validate#ValidationException:http://…" → "ValidationException" */
static aigw_str plain_name(aigw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '#') {
            name = (aigw_str){ name.ptr + i + 1, name.len - i - 1 };
            i = 0;
        }
        if (i < name.len && name.ptr[i] == ':')
            name.len = i;
    }
    return name;
}

bool converse_is_exception(aigw_str name)
{
    name = plain_name(name);
    for (size_t i = 0; i < EXCEPTIONS; i++)
        if (is_named(name, exceptions[i].name))
            return true;
    return wire_has_suffix(name, "Exception");
}

/** What is told; the texts live as long as what was read. */
struct complaint {
    aigw_str name, message;
};

static aigw_str message_of(struct reader *r, const struct aigw_json *object)
{
    static const char *const names[] = { "originalMessage", "message", "Message", "errorMessage", "detail" };
    struct aigw_json error;
    aigw_str text = AIGW_STR_NONE;

    for (size_t i = 0; i < sizeof names / sizeof *names && text.len == 0; i++)
        text = reader_str(r, object, names[i]);
    if (text.len == 0) /* of a proxy that speaks another dialect */
        text = reader_str(r, object, "error");
    if (text.len == 0 && reader_member(object, "error", AIGW_JSON_OBJECT, &error))
        text = reader_str(r, &error, "message");
    return text;
}

/* 403 is AWS's answer to a bad signature and to a right that is missing. */
static void describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct complaint *complaint,
                     struct aigw_error *error)
{
    const char *words = NULL;
    aigw_str theirs;

    for (size_t i = 0; i < EXCEPTIONS; i++)
        if (is_named(complaint->name, exceptions[i].name)) {
            error->kind = exceptions[i].kind;
            words = exceptions[i].words;
            if (error->http_status == 0)
                error->http_status = exceptions[i].status;
        }
    if (error->kind == AIGW_ERR_BAD_REQUEST && wire_says_too_long(complaint->message))
        error->kind = AIGW_ERR_CONTEXT_TOO_LONG;
    if (error->kind == AIGW_ERR_BAD_REQUEST && (wire_contains(complaint->message, "model identifier is invalid") ||
                                                wire_contains(complaint->message, "on-demand throughput")))
        error->kind = AIGW_ERR_NOT_FOUND; /* the model's name or region is wrong, or it wants an inference profile */
    /* Bearer keys that are bad come with words of a refused right. */
    if (error->kind == AIGW_ERR_PERMISSION &&
        (wire_contains(complaint->message, "security token") || wire_contains(complaint->message, "bearer token") ||
         wire_contains(complaint->message, "api key")))
        error->kind = AIGW_ERR_AUTH;
    if (complaint->name.len > 0 && error->kind != AIGW_ERR_AUTH) /* clients take "ExpiredToken" for theirs */
        error->code = wire_words(host, ctx, complaint->name);
    if (error->kind == AIGW_ERR_AUTH) {
        char *text = host->format(ctx, AIGW_LIFE_REQUEST, "%s%s",
                                  words ? words : "AWS refused the credentials or the API key", check_keys);

        error->message = wire_str(text);
        return;
    }
    theirs = wire_words(host, ctx, complaint->message);
    if (theirs.len > 0)
        error->message = theirs;
}

void converse_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                      struct aigw_error *ret_error)
{
    aigw_str request_id = host->answer_header(ctx, "x-amzn-requestid");
    struct complaint complaint = { .name = plain_name(host->answer_header(ctx, "x-amzn-errortype")) };
    struct aigw_json root;
    struct reader r;

    reader_begin(&r, failure->body, &root);
    complaint.message = root.type == AIGW_JSON_ABSENT ? refusal_plain_words(&r, failure->body) : message_of(&r, &root);
    if (complaint.name.len == 0)
        complaint.name = plain_name(reader_str(&r, &root, "__type"));
    if (complaint.name.len == 0)
        complaint.name = plain_name(reader_str(&r, &root, "code"));
    describe(host, ctx, &complaint, ret_error);
    if (request_id.len > 0) /* what the vendor's support asks for */
        host->log(ctx, AIGW_LOG_INFO, "AWS calls the refused request %.*s",
                  AIGW_STR_ARG(wire_words(host, ctx, request_id)));
    reader_end(&r);
}

aigw_status converse_emit_exception(struct converse_in *in, aigw_str name, const struct aigw_json *value,
                                    aigw_str words)
{
    struct complaint complaint = { .name = plain_name(name), .message = message_of(in->reader, value) };
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_SERVER,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    if (value->type == AIGW_JSON_ABSENT)
        complaint.message = words;
    in->call->state = CONVERSE_OVER;
    describe(in->host, in->ctx, &complaint, &error);
    return converse_emit(in, &event);
}
