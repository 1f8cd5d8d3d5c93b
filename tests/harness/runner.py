"""Cases, fixtures, tables, and the loop that runs them.

A fixture makes an environment (a gateway and its fakes). The cases of one module that share a fixture form a group:
they run one after the other against one environment; groups run side by side, the longest first. Those of fixtures
marked patient mostly wait: they run beside the others from the beginning, a few at a time, so that their waiting costs
no time of its own. Then come those marked serial, which measure time or memory, one by one. Those whose clients take
far more of the machine than the gateway does are heavy: they run when asked for, by `tests/run --heavy`.
"""
import fnmatch
import json
import os
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

_fixtures = {}
_cases = []


class Failure(Exception):
    def __init__(self, expected, found):
        super().__init__(f"expected {expected}, found {found}")


class Skip(Exception):
    pass


class Case:
    def __init__(self, ident, fixture, run, module):
        self.id = ident
        self.fixture = fixture
        self.run = run
        self.module = module


class Fixture:
    def __init__(self, factory, serial, patient, heavy, takes_s):
        self.factory = factory
        self.serial = serial
        self.patient = patient
        self.heavy = heavy
        self.takes_s = takes_s


def fixture(name, serial=False, patient=False, heavy=False, takes_s=0.0):
    """Decorator of a factory ctx → environment with close(). Names are global. heavy: only when asked for. takes_s: about
    how long its group takes, where the number of its cases does not tell: it begins early."""
    def add(factory):
        if name in _fixtures:
            raise ValueError(f"fixture {name} exists twice")
        _fixtures[name] = Fixture(factory, serial, patient, heavy, takes_s)
        return factory
    return add


def add_case(ident, fixture_name, run, module):
    if any(item.id == ident for item in _cases):
        raise ValueError(f"case {ident} exists twice")
    _cases.append(Case(ident, fixture_name, run, module))


def case(ident, fixture_name):
    """Decorator of a function env → None. ident: several ids of one proof are joined by spaces."""
    def add(run):
        add_case(ident, fixture_name, run, run.__module__)
        return run
    return add


# -- assertions ------------------------------------------------------------------------------------------------------

def short(value, limit=400):
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= limit else text[:limit] + "…"


def equal(found, expected, what=""):
    if found != expected:
        raise Failure(f"{what} {short(expected)}".strip(), short(found))


def truth(condition, expected, found=""):
    if not condition:
        raise Failure(expected, short(found))


# -- running ---------------------------------------------------------------------------------------------------------

CASE_S = 0.05  # what one takes, by and large
PATIENT_JOBS = 3


class Run:
    def __init__(self, ctx, patterns=(), jobs=6, heavy=False):
        self.ctx = ctx
        self.patterns = patterns
        self.jobs = jobs
        self.heavy = heavy
        self.passed = self.failed = self.skipped = 0
        self.timings = []
        self.failures = []
        self.verdicts = {}
        self._lock = threading.Lock()

    def _wanted(self, item):
        if not self.patterns:
            return True
        names = [item.id, *item.id.split(), item.module, f"{item.module}:{item.fixture}"]
        return any(fnmatch.fnmatch(name, pattern) or pattern in name for name in names for pattern in self.patterns)

    def _report(self, verdict, ident, text=""):
        with self._lock:
            self.verdicts[ident] = verdict
            if verdict == "ok":
                self.passed += 1
            elif verdict == "skip":
                self.skipped += 1
            else:
                self.failed += 1
                self.failures.append(ident)
            word = {"ok": "ok", "skip": "skip"}.get(verdict, "not ok")
            print(f"{word} {ident}{': ' + text if text else ''}", flush=True)

    def write_verdicts(self, folder):
        """verdicts.json: id → ok, fail or skip, for tests/deploy/checklist."""
        with open(os.path.join(folder, "verdicts.json"), "w", encoding="utf-8") as out:
            json.dump(self.verdicts, out, indent=0, sort_keys=True)

    def run_all(self):
        groups = {}
        for item in _cases:
            if self._wanted(item) and _fixtures[item.fixture].heavy == self.heavy:
                groups.setdefault((item.module, item.fixture), []).append(item)
        places = [(group, _fixtures[group[0][1]]) for group in groups.items()]
        with ThreadPoolExecutor(max_workers=min(self.jobs, PATIENT_JOBS)) as waiting:
            futures = self._submit(waiting, [group for group, place in places if place.patient])
            with ThreadPoolExecutor(max_workers=self.jobs) as working:
                futures += self._submit(working, [group for group, place in places if not place.serial and not place.patient])
            for future in futures:
                future.result()
        for group, place in places:
            if place.serial:
                self._group(*group)

    def _submit(self, pool, groups):
        """The longest first, so that none is left running alone at the end."""
        groups.sort(key=lambda group: -max(_fixtures[group[0][1]].takes_s, CASE_S * len(group[1])))
        return [pool.submit(self._group, *group) for group in groups]

    def _group(self, key, items):
        factory = _fixtures[key[1]].factory
        start = time.monotonic()
        try:
            env = factory(self.ctx)
        except Skip as why:
            for item in items:
                self._report("skip", item.id, str(why))
            return
        except Exception as err:
            self._report("fail", items[0].id, f"expected the fixture {key[1]} to start, found {short(repr(err), 1500)}")
            for item in items[1:]:
                self._report("fail", item.id, f"expected the fixture {key[1]} to start, found what {items[0].id} says")
            return
        try:
            for item in items:
                self._one(item, env)
        finally:
            try:
                env.close()
            except Exception as err:
                self._report("fail", f"{key[0]}:{key[1]}:close", f"expected a clean end, found {err!r}")
        self.timings.append((time.monotonic() - start, f"{key[0]}:{key[1]}"))

    def _one(self, item, env):
        start = time.monotonic()
        try:
            item.run(env)
        except Skip as why:
            self._report("skip", item.id, str(why))
        except Failure as err:
            self._report("fail", item.id, str(err))
        except Exception as err:
            where = traceback.extract_tb(err.__traceback__)[-1]
            self._report("fail", item.id, f"expected no exception, found {short(repr(err))} "
                                          f"at {where.filename.rsplit('/', 1)[-1]}:{where.lineno}")
        else:
            self._report("ok", item.id)
        self.timings.append((time.monotonic() - start, item.id))

    def check(self, ident, run):
        """A check over the whole run, after all groups."""
        if self.patterns and not any(fnmatch.fnmatch(ident, p) or p in ident for p in self.patterns):
            return
        try:
            run(self.ctx)
        except Failure as err:
            self._report("fail", ident, str(err))
        except Exception as err:
            self._report("fail", ident, f"expected no exception, found {err!r}")
        else:
            self._report("ok", ident)
