// The headers of the parts in C++17: a table, a reading, a walk.
#include <aigw/body.h>
#include <aigw/json.h>

#include <cstddef>
#include <cstdint>

namespace
{
struct greeting {
    aigw_str name;
    std::int64_t times;
};

aigw_body_field field(const char *name, std::uint32_t type, std::size_t offset)
{
    aigw_body_field row = {};

    row.name = name;
    row.type = type;
    row.offset = offset;
    return row;
}
} // namespace

int main()
{
    const aigw_body_field fields[] = { field("name", AIGW_BODY_STRING, offsetof(greeting, name)),
                                       field("times", AIGW_BODY_INT, offsetof(greeting, times)) };
    aigw_body_table table = {};
    aigw_pool pool = {};
    aigw_memory memory = aigw_pool_memory(&pool, 65536);
    aigw_body body = {};
    greeting read = {};
    const char text[] = "{\"name\":\"a\\nb\",\"times\":\"3\"}";
    aigw_json root, value;

    table.fields = fields;
    table.field_count = 2;
    table.size = sizeof(greeting);
    body.memory = &memory;
    if (aigw_body_read(&body, &table, aigw_str{ text, sizeof text - 1 }, &read) != AIGW_OK || read.times != 3 ||
        read.name.len != 3)
        return 1;
    if (aigw_json_check(aigw_str{ text, sizeof text - 1 }, 0, &root, nullptr) != AIGW_OK ||
        !aigw_json_member(&root, "name", &value) || value.type != AIGW_JSON_STRING)
        return 2;
    aigw_json_walk walk = aigw_json_begin(&root);
    if (!aigw_json_next(&walk, nullptr, &value))
        return 3;
    aigw_pool_free(&pool);
    return 0;
}
