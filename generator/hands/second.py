"""The second hand: inventories and organisations, renewals and a dispatcher, walks and a syllabus.

Its functions have the names and parameters of the first hand's laws, see `generator.config.hands`; there they
are described. Which group follows which law is data: `second.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.parameters import CHOICES, COHORT_CHOICES
from generator.hands import conduct, dispatcher, exits, interests, inventory, organisations, renewals, syllabus
from generator.hands.careers import draw_lives
from generator.hands.renewals import request_counts
from generator.population import identities, locales
from generator.rng import streams
from generator.schema import DAY_MS, LANGUAGES
from generator.text.tasks import tasks_of
from generator.traffic.prompt_items import PromptItems, single_calls
from generator.traffic.session_content import SessionContent, cohort_languages, fixed_shares

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions

__all__ = ["draw_lives", "request_counts"]  # as they stand there

_AT_HOME = np.float32(0.8)  # share of an organisation's people who live where it is (a)
_OFFICE_HOURS = np.float32(0.6)  # share of them who keep its hours (a)
_COMMON_DEVICE = np.float32(0.5)  # share of accounts with a usual device (a)
_COMMON_DEVICES = 24  # of an SDK (a)
_SECOND_DEVICE = np.float32(0.1)  # share of sessions from another one (a)
_FREE, _SCHOOL = (CHOICES["email_type"].index(k) for k in ("free", "education"))
_GENERAL = COHORT_CHOICES["domain"].index("document processing")  # what public instructions are worded for (a)
_ENGLISH = LANGUAGES.index("en")
_FAVOURITES = 20  # prompts that an account asks again (a)
_EXAMINED = 3  # requests of a session in an evaluation round that belong to it, at most (a)


def draw_places(plan: PopulationPlan, index: I64, shared: dict[str, F32]) -> tuple[Mask, I32, U64, F32]:
    """Where accounts live: most people of an organisation where it is, stock where its lot was made.

    Parameters
    ----------
    plan, index, shared
        As for `population.locales.draw_places`.
    """
    cohort, key = plan.account_cohort[index], plan.account_key[index]
    group, bits = plan.cohort_key[cohort], streams.child(key, "lives")
    organised = conduct.follows(plan, cohort, "organisation")
    stock = inventory.stock_of(plan, index)
    where = np.where(organised & (streams.uniform(bits, 0) < _AT_HOME), group, key)
    home = locales.homes(np.where(stock.owned, stock.lot, where))
    hours = np.where(organised & (streams.uniform(bits, 1) < _OFFICE_HOURS), group, key)
    return np.zeros(len(index), np.bool_), home, hours, locales.utc_offsets(home, hours)


def instrument_keys(plan: PopulationPlan, accounts: Accounts) -> U64:
    """Card of the stretch of the line that an account comes from, else whoever pays in the organisation.

    Parameters
    ----------
    plan, accounts
        As for `population.identities.instrument_keys`.
    """
    stock = inventory.stock_of(plan, accounts.index)
    payer = np.where(stock.owned, stock.card(), organisations.purses(plan, accounts.index))
    return streams.items(payer, accounts.choices["payment_type"])


def mail_servers(plan: PopulationPlan, accounts: Accounts) -> tuple[U64, I64]:
    """Free and school mail is public; the rest is the organisation's, or a vendor's for a while.

    Parameters
    ----------
    plan, accounts
        As for `population.identities.mail_servers`.
    """
    kind = accounts.choices["email_type"]
    stock = inventory.stock_of(plan, accounts.index)
    public = np.isin(kind, [_FREE, _SCHOOL])
    of_school = conduct.follows(plan, accounts.cohort, "organisation") & (kind == _SCHOOL)
    chooser = streams.child(np.where(of_school, plan.cohort_key[accounts.cohort], accounts.key), "mailbox")
    server = np.where(stock.owned, stock.mail(), organisations.mail_domains(plan, accounts.index))
    scope = np.where(public, streams.child(plan.root, "public mail"), server)
    return streams.items(scope, kind), np.where(public, identities.public_mail(plan, kind, chooser), 0)


def session_prefixes(
    plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64, work: Mask, ms: I64
) -> tuple[U64, I32, I32]:
    """Where somebody is, or the exit that he has rented.

    Parameters
    ----------
    plan, accounts, row, bits, work, ms
        As for `population.addresses.session_prefixes`.
    """
    rented = exits.through_exits(plan, accounts, row, bits)
    behind, at = exits.held(plan, accounts, row, ms), organisations.places(plan, accounts, row, bits, ms)
    return (
        np.where(rented, behind[0], at[0]),
        np.where(rented, behind[1], at[1]),
        np.where(rented, behind[2], at[2]),
    )


def session_devices(plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64) -> U64:
    """A telephone of the vendor's rack, the organisation's software, a usual device, or the account's own.

    Parameters
    ----------
    plan, accounts, row, bits
        As for `population.addresses.session_devices`.
    """
    phone, shows = inventory.stock_of(plan, accounts.index).phone()
    image, managed = organisations.images(plan, accounts)
    draw = streams.child(accounts.key, "device")
    which = accounts.choices["sdk"] * _COMMON_DEVICES + streams.below(draw, _COMMON_DEVICES)
    usual = streams.items(streams.child(plan.root, "usual device"), which)
    device = np.where(streams.uniform(draw) < _COMMON_DEVICE, usual, accounts.key)
    device = np.where(shows, phone, np.where(managed, image, device))
    return streams.items(device[row], (streams.uniform(bits, 1) < _SECOND_DEVICE).astype(np.int64))


def working_sessions(plan: PopulationPlan, accounts: Accounts, account: I64, day: I64, key: U64) -> Mask:
    """Sessions of the day's lease.

    Parameters
    ----------
    plan, accounts, account, day, key
        As for `traffic.sessions.working_sessions`.
    """
    return dispatcher.leased(plan, accounts, account, day)


def session_starts(plan: PopulationPlan, accounts: Accounts, account: I64, day: I64, key: U64, work: Mask) -> I64:
    """When the account comes back, or at its next turn where it works for a queue.

    Parameters
    ----------
    plan, accounts, account, day, key, work
        As for `traffic.sessions.session_starts`.
    """
    at = renewals.day_starts(accounts, account, day, key)
    queues = work & conduct.follows(plan, accounts.cohort[account], "queue")
    turn = dispatcher.lease_starts(plan, accounts, account, at, key)
    return np.where(queues, turn, np.floor(at * DAY_MS).astype(np.int64))


def draw_content(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> SessionContent:
    """The unit that the group is at, else what somebody is interested in.

    Parameters
    ----------
    plan, accounts, sessions
        As for `traffic.session_content.draw_content`.
    """
    account, dials = sessions.account, accounts.dials
    lesson = syllabus.lessons(plan, accounts, sessions)
    mind = interests.interests(plan, accounts, sessions)
    bits = streams.child(sessions.key, "words")
    instructed = np.where(sessions.work, dials["instructed"][account], np.float32(0))
    templated = streams.uniform(bits, 0) < np.maximum(dials["templated"][account], instructed)
    template = np.where(lesson.follows, syllabus.instructions(plan, accounts, account, lesson.unit), mind.template)
    origin = np.where(lesson.follows, lesson.unit, mind.origin)
    shared = lesson.follows | mind.shared
    topic = np.where(lesson.follows, syllabus.topics(plan, accounts, account, lesson.unit), mind.topic)
    main = locales.main_languages(accounts.home, accounts.key)[account]
    other = locales.other_languages(bits, 1)
    language = np.where(streams.uniform(bits, 2) < dials["languages"][account], other, main)
    of_group = cohort_languages(plan, accounts)[account]
    written = np.where(shared, of_group, np.where(mind.public & ~lesson.follows, _ENGLISH, main))
    # What an instruction was written for stays, wherever its user's interests go.
    domain = streams.below(streams.child(origin, "written for"), len(COHORT_CHOICES["domain"]))
    domain = np.where(mind.public, _GENERAL, domain)
    domain = np.where(shared, plan.domain[accounts.cohort][account], domain)
    return SessionContent(
        template=template,
        templated=templated & ~lesson.exam,
        shared=shared,
        tools=streams.child(np.where(templated, template, mind.project), "tools"),
        topic=topic,
        language=language,
        domain=domain,
        task=tasks_of(template, domain),
        template_language=written.astype(np.int32),
        fixed=fixed_shares(dials["fixed"][account], template),
    )


def draw_items(plan: PopulationPlan, batch: RequestBatch, content: SessionContent) -> PromptItems:
    """Items of a unit's queue, some leased twice; questions of evaluation rounds; favourites of the account.

    Parameters
    ----------
    plan, batch, content
        As for `traffic.prompt_items.draw_items`.
    """
    accounts, sessions, account, session = batch.accounts, batch.sessions, batch.account, batch.session
    lesson, single, bits = syllabus.lessons(plan, accounts, sessions), single_calls(batch), batch.stream("item")
    order = np.arange(len(batch)) - sessions.first[session]
    check = single & lesson.exam[session] & (order < _EXAMINED)
    work = single & lesson.follows[session]
    cohort = accounts.cohort[account]
    listed = work & ~check & (streams.uniform(bits, 0) < conduct.trait(plan, cohort, "reissued"))
    again = single & ~check & ~listed & (streams.uniform(bits, 1) < batch.dial("repeat"))
    samples = np.where(work, np.floor(batch.dial("samples")).astype(np.int64), 1)
    item = batch.key[np.arange(len(batch)) - order % samples]  # asked for several answers in a row
    unit, draw = lesson.unit[session], streams.mix(batch.key)
    item = np.where(listed, syllabus.leased_again(unit, sessions.start[session], draw), item)
    item = np.where(check, syllabus.questions(unit, draw), item)
    rows = np.flatnonzero(again)
    chosen = (interests.exact_power(streams.uniform(bits[rows], 2)) * _FAVOURITES).astype(np.int64)
    item[rows] = streams.items(streams.child(accounts.key, "favourites")[account[rows]], chosen)

    topic, language = content.topic[session], content.language[session]
    rows = np.flatnonzero(check | listed | again)
    topic[rows] = syllabus.topics(plan, accounts, account[rows], item[rows])
    rows = np.flatnonzero(check | listed)
    language[rows] = cohort_languages(plan, accounts)[account[rows]]
    rows = np.flatnonzero(again)
    language[rows] = locales.main_languages(accounts.home, accounts.key)[account[rows]]
    return PromptItems(item, check, check | listed, topic, language)
