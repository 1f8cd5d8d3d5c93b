/* A request body of the completion routes: reading it must end without a fault; what was accepted keeps its promises.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "language.h"
#include "request.h"
#include "truncate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct cs_request *request)
{
    struct cs_window window = cs_fit_completion(64, request->above, request->below);

    if (request->version < 1 || request->version > 3 || cs_utf8_count(request->file_name) > 255 ||
        cs_utf8_count(request->above) > 100000 || !cs_utf8_is_valid(request->above) ||
        !cs_utf8_is_valid(window.prefix) || !cs_utf8_is_valid(window.suffix) ||
        window.prefix.len + window.suffix.len > 64 * 4)
        __builtin_trap();
    cs_language_of_extension(cs_extension(request->file_name));
    cs_language_of_editor(request->language_identifier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_check check = { .host = &fake_host };
    struct cs_request request = { 0 };
    struct pj_document *document;
    struct json_object *errors;
    char *body = malloc(size + 1);
    bool is_good = false;

    if (!body)
        return 0;
    if (size)
        memcpy(body, data, size);
    body[size] = '\0';
    document = cs_parse(&check, (aigw_str){ body, size });
    if (document)
        is_good = cs_read_completion(&check, pj_root(document), &request);
    if (is_good)
        check_promises(&request);
    if (is_good == (check.error_count > 0))
        __builtin_trap();
    errors = json_tokener_parse(cs_errors(&check).ptr); /* the list is always JSON */
    if (!json_object_is_type(errors, json_type_array))
        __builtin_trap();
    json_object_put(errors);
    pj_free(document);
    fake_host_done();
    free(body);
    return 0;
}
