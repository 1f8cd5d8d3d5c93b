"""A structural check of OpenAPI 3.1 documents: enough to catch what generators and viewers choke on."""
import re

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}


class Checker:
    def __init__(self, document):
        self.document = document
        self.problems = []
        self.operation_ids = {}

    def fail(self, where, what):
        self.problems.append(f"{where}: {what}")

    def need(self, condition, where, what):
        if not condition:
            self.fail(where, what)
        return bool(condition)

    def run(self):
        doc = self.document
        if not self.need(isinstance(doc, dict), "#", "not an object"):
            return self.problems
        self.need(str(doc.get("openapi", "")).startswith("3.1."), "#/openapi",
                  f"{doc.get('openapi')!r}, expected 3.1.x")
        info = doc.get("info")
        if self.need(isinstance(info, dict), "#/info", "missing"):
            for name in ("title", "version"):
                self.need(isinstance(info.get(name), str) and info[name], f"#/info/{name}", "missing or empty")
        paths = doc.get("paths")
        if self.need(isinstance(paths, dict) and paths, "#/paths", "missing or empty"):
            for path, item in paths.items():
                self.path(path, item)
        components = doc.get("components", {})
        self.need(isinstance(components, dict), "#/components", "not an object")
        for name, schema in components.get("schemas", {}).items():
            self.schema(f"#/components/schemas/{name}", schema)
        for name, scheme in components.get("securitySchemes", {}).items():
            self.need(scheme.get("type") in ("apiKey", "http", "oauth2", "openIdConnect", "mutualTLS"),
                      f"#/components/securitySchemes/{name}", "no valid type")
        return self.problems

    def path(self, path, item):
        where = f"#/paths/{path}"
        self.need(path.startswith("/"), where, "does not start with /")
        self.need("//" not in path and " " not in path and ":" not in re.sub(r"\}:[A-Za-z]+$", "", path), where, "odd characters in the path")
        if not self.need(isinstance(item, dict), where, "not an object"):
            return
        operations = [name for name in item if name in METHODS]
        self.need(operations, where, "no operation")
        for name in item:
            self.need(name in METHODS | {"summary", "description", "servers", "parameters", "$ref"} or
                      name.startswith("x-"), where, f"unknown member {name}")
        templates = {part.split("}")[0] for part in path.split("{")[1:]}
        for name in operations:
            self.operation(f"{where}/{name}", item[name], templates, item.get("parameters", []))

    def operation(self, where, operation, templates, shared):
        if not self.need(isinstance(operation, dict), where, "not an object"):
            return
        ident = operation.get("operationId")
        if ident is not None:
            self.need(ident not in self.operation_ids, where,
                      f"operationId {ident} also at {self.operation_ids.get(ident)}")
            self.operation_ids[ident] = where
        responses = operation.get("responses")
        if self.need(isinstance(responses, dict) and responses, where, "no responses"):
            for code, response in responses.items():
                self.need(code == "default" or (len(code) == 3 and code[0] in "12345"), where, f"odd status {code}")
                response = self.resolve(f"{where}/responses/{code}", response)
                if response is not None:
                    self.need(isinstance(response.get("description"), str), f"{where}/responses/{code}",
                              "no description")
                    self.content(f"{where}/responses/{code}", response.get("content"))
        found = set()
        for number, parameter in enumerate(list(shared) + operation.get("parameters", [])):
            parameter = self.resolve(f"{where}/parameters/{number}", parameter)
            if parameter is None:
                continue
            self.need(parameter.get("in") in ("query", "header", "path", "cookie"), where,
                      f"parameter {number}: bad in")
            self.need(isinstance(parameter.get("name"), str), where, f"parameter {number}: no name")
            self.need(("schema" in parameter) != ("content" in parameter), where,
                      f"parameter {number}: schema or content")
            if parameter.get("in") == "path":
                found.add(parameter.get("name"))
                self.need(parameter.get("required") is True, where,
                          f"path parameter {parameter.get('name')} not required")
            if "schema" in parameter:
                self.schema(f"{where}/parameters/{number}/schema", parameter["schema"])
        self.need(found == templates, where, f"path parameters {sorted(found)}, templates {sorted(templates)}")
        body = operation.get("requestBody")
        if body is not None:
            body = self.resolve(f"{where}/requestBody", body)
            if body is not None and self.need(isinstance(body.get("content"), dict), where,
                                              "requestBody without content"):
                self.content(f"{where}/requestBody", body["content"])

    def content(self, where, content):
        for kind, media in (content or {}).items():
            self.need("/" in kind, where, f"odd media type {kind}")
            if isinstance(media, dict) and "schema" in media:
                self.schema(f"{where}/content/{kind}/schema", media["schema"])

    def resolve(self, where, node):
        for _ in range(20):
            if not isinstance(node, dict):
                self.fail(where, "not an object")
                return None
            if "$ref" not in node:
                return node
            node = self.lookup(where, node["$ref"])
            if node is None:
                return None
        self.fail(where, "a circle of $ref")
        return None

    def lookup(self, where, ref):
        if not ref.startswith("#/"):
            self.fail(where, f"$ref {ref} leaves the document")
            return None
        node = self.document
        for part in ref[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or part not in node:
                self.fail(where, f"$ref {ref} leads nowhere")
                return None
            node = node[part]
        return node

    def schema(self, where, schema, depth=0):
        if isinstance(schema, bool) or depth > 30:
            return
        if not self.need(isinstance(schema, dict), where, "schema is not an object"):
            return
        if "$ref" in schema:
            self.lookup(where, schema["$ref"])
        kinds = schema.get("type", [])
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            self.need(kind in TYPES, where, f"unknown type {kind}")
        self.need("nullable" not in schema, where, "nullable is not OpenAPI 3.1")
        properties = schema.get("properties", {})
        if self.need(isinstance(properties, dict), where, "properties is not an object"):
            for name, inner in properties.items():
                self.schema(f"{where}/{name}", inner, depth + 1)
        required = schema.get("required", [])
        if self.need(isinstance(required, list), where, "required is not a list"):
            for name in required:
                self.need(name in properties or not properties, where, f"required {name} is no property")
        for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
            if word in schema and self.need(isinstance(schema[word], list) and schema[word], where, f"{word} is empty"):
                for number, inner in enumerate(schema[word]):
                    self.schema(f"{where}/{word}/{number}", inner, depth + 1)
        for word in ("items", "additionalProperties", "not"):
            if word in schema:
                self.schema(f"{where}/{word}", schema[word], depth + 1)
        if "enum" in schema:
            self.need(isinstance(schema["enum"], list) and schema["enum"], where, "enum is empty")
        for word in ("maxLength", "minLength", "maxItems", "minItems"):
            if word in schema:
                self.need(isinstance(schema[word], int) and schema[word] >= 0, where, f"odd {word}")


def problems(document):
    return Checker(document).run()
