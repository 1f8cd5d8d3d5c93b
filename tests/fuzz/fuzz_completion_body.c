/* A request body of the completion routes: reading it must end without a fault; what was accepted keeps its promises.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/model_fault.h"
#include "language.h"
#include "request.h"
#include "truncate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct cs_request *request)
{
    struct cs_window window = cs_fit_completion(64, request->above, request->below);

    if (request->version < 1 || request->version > 3 || aigw_utf8_count(request->file_name) > 255 ||
        aigw_utf8_count(request->above) > 100000 || !aigw_utf8_is_valid(request->above) ||
        !aigw_utf8_is_valid(window.prefix) || !aigw_utf8_is_valid(window.suffix) ||
        window.prefix.len + window.suffix.len > 64 * 4)
        __builtin_trap();
    cs_language_of_extension(cs_extension(request->file_name));
    cs_language_of_editor(request->language_identifier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)64 << 20);
    struct aigw_body reading = { .memory = &memory, .options = AIGW_JSON_NAN };
    struct cs_request request;
    struct aigw_json faults;
    char *body = malloc(size ? size : 1), plain[MODEL_FAULT_SIZE];
    aigw_str list;
    aigw_status status;

    if (!body)
        return 0;
    if (size)
        memcpy(body, data, size);
    status = aigw_body_read(&reading, &cs_completion_table, (aigw_str){ body, size }, &request);
    if (status == AIGW_OK)
        check_promises(&request);
    else if (status != AIGW_E_INVALID)
        __builtin_trap();
    model_fault(&reading, plain);
    if (aigw_body_list_faults(&reading, &list) < 0 ||
        aigw_json_check(list, AIGW_JSON_STRICT, &faults, NULL) < 0) /* the list is always JSON */
        __builtin_trap();
    aigw_pool_free(&pool);
    free(body);
    return 0;
}
