"""``make drill``: a store that fails in the middle of uploads: a real S3 server behind a line that breaks.

    python -m tests.drills.store_faults busy       every third call is answered 503
    python -m tests.drills.store_faults cut        uploads are reset when half of their bytes have passed
    python -m tests.drills.store_faults revoked    the key is withdrawn, and given back
                                 … --store localstack|radosgw

On radosgw the key is really withdrawn, twice over: removed, and its owner suspended. LocalStack takes any
key, so there the line refuses in its place.

Each prints how many files it carried, the seconds and bytes lost, and what the store was asked. Exit 1 when
anything was lost, when the spool was not empty at the end, when a file lost attempts to the store's fault, or
when nobody was told that the key was withdrawn and what to do.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from models.errors import StoreKeyRefused
from supervision_api.console.i18n import Languages
from supervision_api.console.spool_view import spool_panel
from supervision_api.pipeline.uploads import UploadLoop
from tests.drills.drill_store import LOCALSTACK, RADOSGW, SERVERS, DrillStore, add_store, run_on
from tests.drills.outcome import PATIENCE_S, Outcome, wait_until
from tests.drills.upload_site import Site, site_on
from tests.services.faulty_proxy import Fault, FirstUploads, always, every
from tests.services.radosgw_users import GatewayUser

FILES = 24
ASKS = 4
# Where a person is sent by what the console says, in either language.
_ADVICE = {"en": "let in again", "zh_CN": "请恢复对象存储的密钥"}


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How a key is taken away and given back. ``code``: what a server answers meanwhile."""

    name: str
    code: str
    take: Callable[[], None]
    give_back: Callable[[], None]


def by_the_line(site: Site) -> Withdrawal:
    """For a server that takes any key."""

    def answer(fault: Fault) -> Callable[[], None]:
        return lambda: setattr(site.line, "choose", always(fault))

    return Withdrawal("refused by the line", "InvalidAccessKeyId", answer(Fault.REVOKED), answer(Fault.PASS))


def key_removed(site: Site) -> Withdrawal:
    user = _owner(site)
    return Withdrawal("key removed", "InvalidAccessKeyId", user.remove_key, user.restore_key)


def user_suspended(site: Site) -> Withdrawal:
    user = _owner(site)
    return Withdrawal("user suspended", "UserSuspended", user.suspend, user.enable)


def _owner(site: Site) -> GatewayUser:
    if site.store.user is None:
        raise SystemExit("the key of all tests is not withdrawn: take one with with_own_user()")
    return site.store.user


WITHDRAWALS: Mapping[str, tuple[Callable[[Site], Withdrawal], ...]] = {
    LOCALSTACK: (by_the_line,),
    RADOSGW: (key_removed, user_suspended),
}


def busy(site: Site, files: int = FILES) -> Outcome:
    """503 to every third call, all the time."""
    site.line.choose = every(3, Fault.BUSY)
    took_s = _carry(site, files)
    site.line.choose = always(Fault.PASS)
    return _told(site, "503 to every third call", took_s)


def cut(site: Site, files: int = FILES) -> Outcome:
    """Every other upload is cut in the middle, once each."""
    cuts = FirstUploads(files // 2, Fault.CUT)
    site.line.choose = cuts
    took_s = _carry(site, files)
    outcome = _told(site, "upload cut in the middle", took_s)
    if cuts.left:
        outcome.failures.append(f"{cuts.left} uploads were not cut: the drill did not bite")
    return outcome


def revoked(
    site: Site, how: Withdrawal, files: int = FILES, asks: int = ASKS, patience_s: float = PATIENCE_S
) -> Outcome:
    """The key is refused until the store was asked so often; lessons go on and their footage waits."""
    with site.uploading() as loop:
        site.record(files // 2)
        wait_until(lambda: site.waiting() == 0, "the first uploads")
        how.take()
        site.record(files - files // 2)
        wait_until(lambda: site.house.desk.state().away, "the pause", patience_s)
        asked, began = len(site.line.calls), time.monotonic()
        wait_until(lambda: len(site.line.calls) >= asked + asks, "the questions to the store")
        away_s = time.monotonic() - began
        failures = _untold(site, loop, how.code)
        attempts = max(one.attempts for one in site.uploads().values())
        waited = site.waiting()
        how.give_back()
        took_s = wait_until(lambda: site.waiting() == 0, "the catching up")
    outcome = _told(site, f"credentials revoked ({how.name})", took_s)
    outcome.failures += failures
    outcome.facts |= {"waited": f"{waited} files", "asked": f"{asks} times in {away_s:.0f} s"}
    if waited < files - files // 2:
        outcome.failures.append("files went up with a key that was withdrawn: the drill did not bite")
    if attempts:
        outcome.failures.append(f"a file lost {attempts} attempts for what was the store's")
    return outcome


def _untold(site: Site, loop: UploadLoop, code: str) -> list[str]:
    """What log and console do not say of a key that was withdrawn."""
    state, missing = site.house.desk.state(), list[str]()
    needed = (f"refuses our key ({code})", "let it in again", "ROLLCALL_S3_ACCESS_KEY")
    missing += [f"the log does not say: {words}" for words in needed if words not in state.told]
    if state.problem != StoreKeyRefused.code:
        missing.append(f"/readyz names {state.problem}")
    secret = site.house.settings.s3_secret_key
    if secret is not None and secret.get_secret_value() in state.told:
        missing.append("the error tells the secret")
    languages = Languages("en")
    # the spool is looked at every few seconds, and pages show the last look
    wait_until(lambda: loop.watch.report().desk.away, "a look at the spool")
    for locale, words in _ADVICE.items():
        panel = spool_panel(loop.watch.report(), languages.get(locale))
        if words not in panel.advice:
            missing.append(f"the console does not say what to do ({locale}): {panel.advice}")
    return missing


def _carry(site: Site, files: int) -> float:
    with site.uploading():
        site.record(files)
        return wait_until(lambda: site.waiting() == 0, "the end of the uploads")


def _told(site: Site, name: str, took_s: float) -> Outcome:
    outcome = site.count(name)
    outcome.facts["caught up in"] = f"{took_s:.1f} s"
    outcome.facts["calls"] = f"{len(site.line.calls)}, {site.line.broken} of them broken by the line"
    doubled = len(site.house.store.list_versions("footage/")) - len(site.recorded)
    if doubled:
        outcome.facts["stored twice"] = str(doubled)
    if site.waiting():
        outcome.failures.append(f"{site.waiting()} files still wait")
    return outcome


def outcomes(store: DrillStore, faults: Iterable[str]) -> Iterator[Outcome]:
    """One after the other, each on an installation and, where a key is withdrawn, under a key of its own."""
    for fault in faults:
        if fault == "revoked":
            for how in WITHDRAWALS[store.name]:
                with site_on(store.with_own_user()) as site:
                    yield revoked(site, how(site))
        else:
            with site_on(store) as site:
                yield {"busy": busy, "cut": cut}[fault](site)


FAULTS = ("busy", "cut", "revoked")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fault", nargs="*", choices=[[], *FAULTS], help="all, when none is named")
    add_store(parser, SERVERS, "a folder has no line that breaks and no key")
    chosen = parser.parse_args()
    return run_on(chosen.store or SERVERS, lambda store: outcomes(store, chosen.fault or FAULTS))


if __name__ == "__main__":
    sys.exit(main())
