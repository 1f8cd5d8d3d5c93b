"""C-SRCH: POST /v1/search/gitlab-docs, on databases that the real `aigw docs index` made, and on foreign ones."""
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import time

from harness.runner import case, equal, fixture, truth

from ._env import INTEGER, TEXT, VERBOSE, Env, Row, check, contains, detail, table

PATH = "/v1/search/gitlab-docs"
EMPTY = {"response": {"results": []}, "metadata": {"provider": "sqlite", "timestamp": INTEGER}}
LOREM = "Every instance keeps what its administrators set up until they change it. " * 12

PAGES = {
    "user/project/push_options.md": '---\nstage: Create\ntitle: "Push options"\n---\n\nTo skip a pipeline, push with '
                                    "`git push -o ci.skip`.\n\n<!-- hidden zebra -->\n",
    "user/markdown.md": "# Markdown\n\nIntro.\n\n## Images {#img}\n\nYou can upload images. [See](upload_zebra.md).\n\n"
                        "{{< history >}}\n\n- Introduced long ago.\n\n{{< /history >}}\n",
    "user/_index.md": "---\ntitle: Use GitLab\n---\n\nStart with a walrus.\n",
    "old.md": "---\nredirect_to: user/markdown.md\n---\n\nThis walrus moved.\n",
    "admin/long.md": "---\ntitle: Long page\n---\n\n" + "".join(
        f"## Heading {number}\n\n{LOREM}quokka{number} quokka\n\n" for number in range(30)),
    "admin/unicode.md": "# Ümlaute\n\nDie Größe der Datei. 日本語のテキスト.\r\n\r\nNext \x00 line\xff.\n",
    "admin/.hidden.md": "# Hidden\n\nwalrus\n",
    "admin/notes.txt": "walrus\n",
}


# -- making databases ------------------------------------------------------------------------------------------------

def write_pages(folder, pages):
    for path, text in pages.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as out:
            out.write(text.encode("utf-8", "surrogateescape") if "\xff" not in text else
                      text.encode("utf-8").replace(b"\xc3\xbf", b"\xff"))


def index(ctx, folder, output, *flags, limit=None):
    def limits():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    run = subprocess.run([ctx.binary, "docs", "index", folder, "-o", output, *flags], capture_output=True, text=True,
                         timeout=60, preexec_fn=limits if limit else None, check=False)
    for mark in ("AddressSanitizer", "LeakSanitizer", "runtime error"):
        if mark in run.stderr:
            ctx.sanitizer_reports.append(run.stderr[:1500])
    return run


def counts(run):
    """new, changed, unchanged, removed, not readable."""
    found = re.search(r"(\d+) new, (\d+) changed, (\d+) unchanged; (\d+) removed, (\d+) not readable", run.stdout)
    truth(found, "a summary", run.stdout + run.stderr)
    return tuple(map(int, found.groups()))


def conf(path, more=""):
    return f'features: {{ docs_search: {{ plugin = "docs_search"; database = "{path}"; {more} }}; }};\n'


class SearchEnv(Env):
    def __init__(self, ctx, name, more="", database="docs.db", pages=None, **kwargs):
        self.folder = ctx.folder(name + "-docs")
        self.pages = os.path.join(self.folder, "pages")
        self.database = os.path.join(self.folder, database)
        if pages:
            write_pages(self.pages, pages)
            self.made = index(ctx, self.pages, self.database)
            equal(self.made.returncode, 0, f"exit status of docs index ({self.made.stderr})")
        super().__init__(ctx, conf=conf(self.database, more), name=name, **kwargs)


@fixture("srch")
def srch(ctx):
    return SearchEnv(ctx, "srch", bypass=True, pages=PAGES)


@fixture("srch-auth")
def srch_auth(ctx):
    return SearchEnv(ctx, "srch-auth", pages=PAGES)


@fixture("srch-none")
def srch_none(ctx):
    return SearchEnv(ctx, "srch-none", bypass=True)


def foreign(ctx, name, rows, tokenizer="porter trigram", **kwargs):
    """A database as the original's tool makes it."""
    env = SearchEnv(ctx, name, bypass=True, **kwargs)
    database = sqlite3.connect(env.database)
    database.execute("CREATE VIRTUAL TABLE doc_index USING fts5(processed, content, metadata, "
                     f"tokenize='{tokenizer}')")
    database.executemany("INSERT INTO doc_index VALUES(?, ?, ?)", rows)
    database.commit()
    database.close()
    return env


# -- asking ----------------------------------------------------------------------------------------------------------

def body(query="upload images", drop=(), **payload):
    whole = {"type": "search-docs", "metadata": {"source": "GitLab EE", "version": "18.9.0"},
             "payload": {"query": query, **payload}}
    for place in drop:
        at = whole
        *way, last = place.split(".")
        for part in way:
            at = at[part]
        del at[last]
    return whole


def ask(*args, headers=(), **kwargs):
    return lambda env: env.post(PATH, body(*args, **kwargs), headers)


def search(env, query, **payload):
    return check(env.post(PATH, body(query, **payload)), 200).json()["response"]["results"]


def files(results):
    return [result["metadata"]["filename"] for result in results]


@case("C-SRCH-001", "srch")
def shape(env):
    before = int(time.time())
    found = check(env.post(PATH, body("How do I upload images?")), 200).json()
    equal(list(found), ["response", "metadata"], "keys")
    equal(list(found["response"]), ["results"], "keys of response")
    equal(found["metadata"]["provider"], "sqlite", "provider")
    truth(before <= found["metadata"]["timestamp"] <= time.time() + 1, "a timestamp of now", found["metadata"])
    results = found["response"]["results"]
    truth(1 <= len(results) <= 4, "1 to 4 results", results)
    for result in results:
        equal(list(result), ["id", "content", "metadata"], "keys of a result")
        truth(re.fullmatch("[0-9a-z]+", result["id"]), "an id that GitLab can turn into a link", result["id"])
        truth(isinstance(result["content"], str) and isinstance(result["metadata"], dict), "text and object", result)
    equal(results[0]["metadata"], {
        "id": results[0]["id"], "title": "Markdown", "heading": "Markdown", "filename": "/user/markdown.md",
        "source_url": "https://docs.gitlab.com/user/markdown/"}, "metadata of the best result")
    equal(results[0]["content"], "Markdown\n\nIntro.\n\n## Images {#img}\n\nYou can upload images. "
          "[See](upload_zebra.md).\n\n- Introduced long ago.", "content")
    equal(env.gw.request("POST", PATH, (), body()).header("content-type"), "application/json", "content-type")


@case("C-SRCH-001-pages", "srch")
def which_pages_are_found(env):
    rows = [("skip pipelines", ["/user/project/push_options.md"]), ("walrus", ["/user/_index.md"]),
            ("zebra", []), ("Größe", ["/admin/unicode.md"]), ("grosse GRÖSSE größe", ["/admin/unicode.md"]),
            ("uploading", ["/user/markdown.md"]), ("ci.skip", ["/user/project/push_options.md"]),
            ("introduced", ["/user/markdown.md"]), ("xyzzy", []), ("xyzzy walrus plugh", ["/user/_index.md"])]
    for query, expected in rows:
        equal(files(search(env, query)), expected, f"files for {query!r}")
    equal(search(env, "walrus")[0]["metadata"]["source_url"], "https://docs.gitlab.com/user/", "URL of an index page")


@case("C-SRCH-001-limits", "srch")
def page_sizes(env):
    for wanted, payload in ((4, {}), (1, {"page_size": 1}), (9, {"page_size": 9}), (7, {"page_size": "7"})):
        results = search(env, "quokka", **payload)
        equal(len(results), wanted, f"results for {payload}")
        equal(len({result["id"] for result in results}), wanted, "different ids")
    equal(search(env, "quokka17")[0]["metadata"]["heading"], "Long page > Heading 17", "heading")


@case("C-SRCH-001-fresh", "srch-none")
def a_new_database_is_seen_at_once(env):
    equal(search(env, "walrus"), [], "results without a database")
    write_pages(env.pages, PAGES)
    equal(index(env.ctx, env.pages, env.database).returncode, 0, "exit status")
    equal(files(search(env, "walrus")), ["/user/_index.md"], "results with one")
    os.unlink(os.path.join(env.pages, "user/_index.md"))
    equal(index(env.ctx, env.pages, env.database).returncode, 0, "exit status")
    equal(search(env, "walrus"), [], "results of the one after it")
    os.unlink(env.database)


@case("C-SRCH-002", "srch-none")
def no_database(env):
    check(env.post(PATH, body()), 200, EMPTY)
    line = env.gw.wait_line(lambda item: "aigw docs index" in item.get("message", ""))
    truth(line and line["level"] == "warning" and env.database in line["message"], "a warning that says how to make one",
          line)
    check(env.post(PATH, body()), 200, EMPTY)
    equal(sum("aigw docs index" in str(item.get("message")) for item in env.gw.lines), 1, "warnings in a minute")


INVALID = detail("Validation error")

table(__name__, "srch", [
    Row("C-SRCH-003", ask(page_size=21), 422, INVALID),
    Row("C-SRCH-003-zero", ask(page_size=0), 422, INVALID),
    Row("C-SRCH-003-less", ask(page_size=-1), 422, INVALID),
    Row("C-SRCH-003-text", ask(page_size="many"), 422, INVALID),
    Row("C-SRCH-003-null", ask(page_size=None), 422, INVALID),
    Row("C-SRCH-003-limit", ask(page_size=20), 200),
    Row("C-SRCH-004", ask(drop=["payload.query"]), 422, INVALID),
    Row("C-SRCH-004-verbose", lambda env: env.post(PATH, body(drop=["payload.query"]), VERBOSE), 422,
        {"detail": [{"type": "missing", "loc": ["body", "payload", "query"], "msg": TEXT}]}),
    Row("C-SRCH-004-null", ask(None), 422, INVALID),
    Row("C-SRCH-004-number", ask(5), 422, INVALID),
    Row("C-SRCH-004-payload", ask(drop=["payload"]), 422, INVALID),
    Row("C-SRCH-004-type", ask(drop=["type"]), 422, INVALID),
    Row("C-SRCH-004-metadata", ask(drop=["metadata"]), 422, INVALID),
    Row("C-SRCH-004-source", ask(drop=["metadata.source"]), 422, INVALID),
    Row("C-SRCH-004-version", ask(drop=["metadata.version"]), 422, INVALID),
    Row("C-SRCH-004-longest", ask("a b" * 133333), 200, note="just short of 400,000 characters"),
    Row("C-SRCH-004-too-long", ask("ab" * 200001), 422, INVALID),
    Row("C-SRCH-004-long-type", lambda env: env.post(PATH, {**body(), "type": "x" * 101}), 422, INVALID),
    Row("C-SRCH-004-json", lambda env: env.post(PATH, "{", {"Content-Type": "application/json"}), 422, INVALID),
    Row("C-SRCH-004-no-json", lambda env: env.post(PATH, "x", {"Content-Type": "text/plain"}), 422, INVALID),
    Row("C-SRCH-006", ask("can I upload images?"), 200),
    Row("SRCH-get", lambda env: env.request("GET", PATH), 405, detail("Method Not Allowed")),
])

table(__name__, "srch-auth", [
    Row("C-SRCH-005", lambda env: env.post(PATH, body(), env.auth(env.token(["duo_chat"]))), 403,
        detail("Unauthorized to search documentations")),
    Row("C-SRCH-005-422-first", lambda env: env.post(PATH, {}, env.auth(env.token(["duo_chat"]))), 422, INVALID),
    Row("C-SRCH-005-right", lambda env: env.post(PATH, body(), env.auth(env.token(["documentation_search"]))), 200),
    Row("C-SRCH-005-none", lambda env: env.post(PATH, body()), 401),
])

# Whatever it is, it is words: the engine's own syntax means nothing.
HOSTILE = ['"', "'", '""', "images\"", "images' OR 1=1 --", "(", ")", "images)", "((images", "images AND", "AND", "OR",
           "NOT images", "NOT", "NEAR(images upload, 2)", "NEAR", "images*", "*", "^images", "images:upload", "processed:x",
           "{processed content}: images", "-images", "+images", "images + upload", ":", "images\x00upload", "\x00",
           "\x01\x1f", "images\n\tupload", "%s%n", "images; DROP TABLE doc_index", "\\", "\ud83d", "😀", "images 😀",
           "’images’", "«images»", "日本語", "?" * 5000, "_", "___", "a", "images" * 2000]


@case("C-SRCH-006-any-text", "srch")
def any_text_is_safe(env):
    for query in HOSTILE:
        results = search(env, query)
        wants = "images" in query and "images" * 2 not in query
        equal(bool(results) and files(results)[0] == "/user/markdown.md", wants, f"images found by {query[:40]!r}")
    for query in ("", " ", "?!", "...", "\u2026\u3000"):
        check(env.post(PATH, body(query)), 200, EMPTY)


# -- databases of others ---------------------------------------------------------------------------------------------

def row(words, content, **metadata):
    return (words, content, json.dumps(metadata))


@fixture("srch-foreign")
def srch_foreign(ctx):
    rows = [row("alpha upload", "A", filename="/user/project/foo.md"),
            row("beta upload", "B", filename="bar.md", title="T", md5sum="x"),
            row("gamma", "C", filename="c.md", id="0a1b"), row("delta", "D", filename="d.md", id="NOT/good"),
            row("epsilon", "E", title="no file"), ("zeta", "F", "no JSON"), ("eta12345", "G", "[1]"),
            row("theta", "quote \" and \x01 ", filename="t.md"),
            *[row("many words", "word " * 1500, filename=f"{n}.md") for n in range(6)],
            row("huge", "word " * 6000, filename="h.md"), row("blob", "x" * 2000000, filename="b.md")]
    return foreign(ctx, "srch-foreign", rows)


@case("SRCH-foreign", "srch-foreign")
def databases_of_the_original(env):
    found = search(env, "alpha")
    equal(found, [{"id": "/user/project/foo.md", "content": "A", "metadata": {"filename": "/user/project/foo.md"}}],
          "result")
    equal(search(env, "beta")[0]["metadata"], {"filename": "bar.md", "title": "T", "md5sum": "x"}, "metadata as stored")
    equal([r["id"] for r in search(env, "upload")], ["bar.md", "/user/project/foo.md"][::-1], "order and ids")
    equal(search(env, "gamma")[0]["id"], "0a1b", "an id of its own")
    equal(search(env, "delta")[0]["id"], "d.md", "an id that cannot be cited")
    equal(search(env, "theta")[0]["content"], "quote \" and \x01 ", "content")
    equal(search(env, "plo")[0]["content"], "A", "part of a word, as trigrams find it")


@case("SRCH-foreign-bad-rows", "srch-foreign")
def rows_without_a_file_are_left_out(env):
    for query in ("epsilon", "zeta", "eta12345"):
        equal(search(env, query), [], f"results for {query}")
    truth(env.gw.wait_line(lambda item: "were left out" in item.get("message", "")), "a warning", env.gw.lines[-3:])


@case("SRCH-token-limit", "srch-foreign")
def results_end_before_the_token_limit(env):
    """floor(1.4 × 1500) = 2100 each: three make 6300, a fourth would make 8400."""
    equal(len(search(env, "many", page_size=20)), 3, "results")
    equal(search(env, "huge"), [], "a first result that is too large")
    equal(search(env, "blob"), [], "a text without blanks that is too large")


def broken(name, content, words):
    def make(ctx):
        env = SearchEnv(ctx, name, bypass=True)
        if content is None:
            os.mkdir(env.database)
        else:
            with open(env.database, "wb") as out:
                out.write(content)
        return env
    fixture(name)(make)

    @case(name.upper(), name)
    def refuse(env):
        check(env.post(PATH, body()), 500, detail(contains("Documentation search failed")))
        line = env.gw.wait_line(lambda item: item.get("level") == "error" and env.database in item.get("message", ""))
        truth(line and words in line["message"] and "aigw docs index" in line["message"], "a log line with cause and cure",
              line)
        check(env.post(PATH, body("?!")), 200, EMPTY)
        check(env.request("GET", "/monitoring/healthz"), 200)


broken("srch-no-database-file", b"this is text, long enough to be looked at" * 40, "not a database")
broken("srch-empty-file", b"", "no such table")
broken("srch-folder", None, "is not a file")


@fixture("srch-late")
def srch_late(ctx):
    """Every row matches and must be ranked: more than 10 ms of work."""
    rows = (("common " * 30 + str(n), "text", '{"filename":"x.md"}') for n in range(60000))
    return foreign(ctx, "srch-late", rows, tokenizer="unicode61", more="timeout_ms = 10;")


@case("SRCH-timeout", "srch-late")
def a_search_has_a_deadline(env):
    words = " ".join(f"common {n}*" for n in range(64))
    check(env.post(PATH, body(words)), 503, detail("Documentation search took too long"))
    truth(env.gw.wait_line(lambda item: "timeout_ms" in item.get("message", "")), "a log line", env.gw.lines[-3:])


@case("SRCH-client-leaves", "srch-late")
def the_client_may_leave(env):
    """The searches go on without anybody; the run's end shows that nothing of them is left."""
    text = json.dumps(body(" ".join(f"common {n}" for n in range(64)))).encode()
    head = (f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode()
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", env.gw.port), 10) as client:
            client.sendall(head + text)
    check(env.post(PATH, body("?!")), 200, EMPTY)


@fixture("srch-list")
def srch_list(ctx):
    folder = ctx.folder("srch-list-docs")
    write_pages(os.path.join(folder, "pages"), PAGES)
    index(ctx, os.path.join(folder, "pages"), os.path.join(folder, "second.db"))
    names = ", ".join(f'"{folder}/{name}"' for name in ("first.db", "second.db"))
    text = f'features: {{ docs_search: {{ plugin = "docs_search"; database = ( {names} ); }}; }};\n'
    return Env(ctx, bypass=True, name="srch-list", conf=text)


@case("SRCH-first-that-is-there", "srch-list")
def first_that_is_there(env):
    equal(files(search(env, "walrus")), ["/user/_index.md"], "results")


# -- the command -----------------------------------------------------------------------------------------------------

@fixture("docs-index", takes_s=7)
def docs_index(ctx):
    class Work:
        pass
    work = Work()
    work.ctx = ctx
    work.folder = ctx.folder("docs-index")
    work.close = lambda: None
    return work


def place(work, name, pages=None):
    folder = os.path.join(work.folder, name)
    write_pages(os.path.join(folder, "pages"), PAGES if pages is None else pages)
    return os.path.join(folder, "pages"), os.path.join(folder, "docs.db")


@case("DOCS-INDEX-again", "docs-index")
def unchanged_files_are_not_read_again(work):
    pages, output = place(work, "again")
    run = index(work.ctx, pages, output)
    equal(counts(run), (6, 0, 0, 0, 0), "counts of the first run")
    equal((run.returncode, run.stderr), (0, ""), "exit status, nothing on standard error, no bar without a terminal")
    truth(not os.path.exists(output + ".partial"), "no unfinished database left", os.listdir(os.path.dirname(output)))
    equal(counts(index(work.ctx, pages, output)), (0, 0, 6, 0, 0), "counts of the second run")
    with open(os.path.join(pages, "user/_index.md"), "a", encoding="utf-8") as out:
        out.write("And an otter.\n")
    os.unlink(os.path.join(pages, "old.md"))
    write_pages(pages, {"new.md": "# New\n\nlynx\n"})
    equal(counts(index(work.ctx, pages + "/", output)), (1, 1, 4, 1, 0), "counts after changes")
    database = sqlite3.connect(output)
    rows = database.execute("SELECT json_extract(metadata, '$.filename') FROM doc_index WHERE doc_index MATCH ? "
                            "ORDER BY rowid", ("otter OR lynx OR walrus",)).fetchall()
    equal(sorted(rows), [("/new.md",), ("/user/_index.md",)], "pages found")
    equal(database.execute("SELECT count(DISTINCT rowid) = count(*) FROM doc_index").fetchone(), (1,), "unique ids")
    database.close()
    equal(counts(index(work.ctx, pages, output, "--url", "https://docs.example.com/")), (6, 0, 0, 0, 0),
          "counts for another site")
    database = sqlite3.connect(output)
    equal(database.execute("SELECT json_extract(metadata, '$.source_url') FROM doc_index WHERE doc_index MATCH 'lynx'")
          .fetchall(), [("https://docs.example.com/new/",)], "its links")
    database.close()


def many_pages(count):
    return {f"part{number % 7}/page{number}.md": f"---\ntitle: Page {number}\n---\n\n" + "".join(
        f"## Part {part}\n\n{LOREM}number{number}x{part}\n\n" for part in range(6)) for number in range(count)}


@case("DOCS-INDEX-interrupted", "docs-index")
def an_interrupted_run_goes_on(work):
    """The kernel ends the run when the file has grown to a size, as a full disk would."""
    pages, output = place(work, "interrupted", many_pages(2500))
    run = index(work.ctx, pages, output, limit=12 << 20)
    truth(run.returncode in (1, -signal.SIGXFSZ), "a failure", f"{run.returncode} {run.stdout}")
    truth(not os.path.exists(output), "no database at its place", os.listdir(os.path.dirname(output)))
    run = index(work.ctx, pages, output)
    equal(run.returncode, 0, f"exit status of the second run ({run.stderr})")
    new, changed, unchanged, removed, unreadable = counts(run)
    equal((new + unchanged, changed, removed, unreadable), (2500, 0, 0, 0), "files")
    truth(unchanged > 0, "files of the first run not to be read again", run.stdout)
    truth(not os.path.exists(output + ".partial"), "no unfinished database left", "there is one")
    database = sqlite3.connect(output)
    equal(database.execute("INSERT INTO doc_index(doc_index) VALUES('integrity-check')").fetchall(), [], "integrity")
    for number in (0, 1249, 2499):
        equal(database.execute("SELECT count(*) FROM doc_index WHERE doc_index MATCH ?", (f"number{number}x5",))
              .fetchone(), (1,), f"pieces with the last part of page {number}")
    database.close()


@case("DOCS-INDEX-speed", "docs-index")
def the_whole_documentation_takes_seconds(work):
    pages, output = place(work, "speed", many_pages(2500))
    start = time.monotonic()
    run = index(work.ctx, pages, output)
    took = time.monotonic() - start
    equal(counts(run), (2500, 0, 0, 0, 0), "counts")
    truth(took < 60, "2,500 files in under a minute", f"{took:.1f} s")
    truth(re.search(r"\d+ files a second", run.stdout), "files a second in the summary", run.stdout)


@case("DOCS-INDEX-errors", "docs-index")
def errors_name_the_file_and_do_not_end_the_run(work):
    pages, output = place(work, "errors")
    os.symlink("nowhere.md", os.path.join(pages, "dangling.md"))
    os.mkfifo(os.path.join(pages, "pipe.md"))
    os.symlink("..", os.path.join(pages, "loop"))
    with open(os.path.join(pages, "huge.md"), "wb") as out:
        out.truncate((4 << 20) + 1)
    run = index(work.ctx, pages, output)
    equal(run.returncode, 1, "exit status")
    equal(counts(run), (6, 0, 0, 0, 2), "counts")
    for name, why in (("dangling.md", "No such file"), ("huge.md", "too large")):
        line = [text for text in run.stderr.splitlines() if f"{pages}/{name}: " in text]
        truth(len(line) == 1 and why in line[0], f"a line about {name} with {why!r}", run.stderr)
    os.unlink(os.path.join(pages, "huge.md"))
    os.unlink(os.path.join(pages, "dangling.md"))
    run = index(work.ctx, pages, output)
    equal((run.returncode, counts(run)), (0, (0, 0, 6, 0, 0)), "the next run")


@case("DOCS-INDEX-refusals", "docs-index")
def what_the_command_refuses(work):
    pages, output = place(work, "refusals")
    write_pages(work.folder, {"not-ours.db": "text"})
    os.makedirs(os.path.join(work.folder, "empty"), exist_ok=True)
    theirs = os.path.join(work.folder, "not-ours.db")
    rows = [(("nope", output), 1, "expected a folder with Markdown files"),
            ((os.path.join(work.folder, "empty"), output), 1, "there is no *.md file in it"),
            ((pages, theirs), 1, "was not made by this command"), ((pages, pages), 1, "was not made by this command"),
            ((pages, "/nonexistent/docs.db"), 1, "unable to open")]
    for (folder, out), status, words in rows:
        run = index(work.ctx, folder, out)
        equal(run.returncode, status, f"exit status for {folder} {out}")
        truth(words in run.stderr and not run.stdout, f"{words!r}", run.stderr)
    with open(theirs, encoding="utf-8") as left:
        equal(left.read(), "text", "what was there")
    equal([name for name in os.listdir(work.folder) if name.endswith(".partial")], [], "unfinished databases")
    for args, words in ((["docs"], "docs index FOLDER -o FILE"), (["docs", "index", pages], "-o FILE"),
                        (["docs", "idnex", pages, "-o", output], "docs index"), (["docs", "index", pages, "-o"],
                                                                                 "value is missing")):
        run = subprocess.run([work.ctx.binary, *args], capture_output=True, text=True, timeout=20, check=False)
        equal(run.returncode, 2, f"exit status of {args}")
        truth(words in run.stderr, f"{words!r}", run.stderr)


@case("DOCS-INDEX-damaged", "docs-index")
def a_damaged_unfinished_database_is_begun_anew(work):
    pages, output = place(work, "damaged")
    write_pages(os.path.dirname(output), {"docs.db.partial": "this is no database " * 100,
                                          "docs.db.partial-journal": "nor is this a journal " * 100})
    equal(counts(index(work.ctx, pages, output)), (6, 0, 0, 0, 0), "counts")
    equal(sorted(os.listdir(os.path.dirname(output))), ["docs.db", "pages"], "files that are left")


@case("DOCS-INDEX-locked", "docs-index")
def one_run_at_a_time(work):
    pages, output = place(work, "locked")
    other = sqlite3.connect(output + ".partial", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    run = index(work.ctx, pages, output)
    equal(run.returncode, 1, "exit status")
    truth("is being written by another" in run.stderr, "a text about another run", run.stderr)
    other.execute("ROLLBACK")
    other.close()
    equal(index(work.ctx, pages, output).returncode, 0, "exit status after it")


@case("DOCS-INDEX-terminal", "docs-index")
def a_bar_on_a_terminal(work):
    pages, output = place(work, "terminal")
    leader, follower = os.openpty()
    run = subprocess.Popen([work.ctx.binary, "docs", "index", pages, "-o", output], stdout=subprocess.PIPE,
                           stderr=follower, stdin=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 4096):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    run.communicate(timeout=20)
    equal(run.returncode, 0, "exit status")
    truth(b"#] 6 of 6 files" in shown and shown.endswith(b"\x1b[K"), "a bar that is gone at the end", shown)
