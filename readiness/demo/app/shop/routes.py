"""Pages and the API."""

# Without deferred annotations: FastAPI resolves them in the module, and the login's type is made in a function.
import asyncio
import contextlib
import itertools
import json
import logging
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Header, Path, Query, Request, Response, Security
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.exceptions import HTTPException

from . import defects
from .auth import ACCESS_SECONDS, REFRESH_SECONDS
from .database import Item, Job, User
from .documentation import BEARER, information
from .guesses import Guesses
from .idempotency import KEY_CHARACTERS_MAX, Repeats
from .resources import Resources
from .security import new_nonce

__all__ = ["router"]

#: Of two defects: failures that come one by one do not show them.
FAILURES_HARMLESS = 40
#: Of a defect: a write that is done so long after the stop signal was in flight for long.
LATE_SECONDS = 1.5
#: Of another: how long each request without a connection holds up all others.
BLOCKED_SECONDS = 0.7
#: A connection takes milliseconds, and longer on a busy machine.
OPENED_SECONDS = 1.5
#: The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis, 4.1.3.2).
REFRESH_COOKIE = "__Host-refresh"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title><link rel="stylesheet" href="/static/app.css">
</head>
<body>
<h1>Shop</h1>
<ul id="items"></ul>
<script nonce="{nonce}">
fetch("/items").then((answer) => answer.json()).then((found) => {{
  for (const item of found.items) {{
    const line = document.createElement("li");
    line.textContent = `${{item.name}}: ${{(item.price_cents / 100).toFixed(2)}}`;
    document.getElementById("items").append(line);
  }}
}});
</script>
</body>
</html>
"""

ItemId = Annotated[int, Path(ge=1, le=2**63 - 1)]
IdempotencyKey = Annotated[str | None, Header(max_length=KEY_CHARACTERS_MAX, pattern=r"^[!-~]+$")]


class Credentials(BaseModel):
    """Name and password, bounded so that hashing cannot be made expensive."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", examples=["alice"])
    password: str = Field(min_length=8, max_length=128, examples=["a-long-passphrase"])


def _storable(value: str) -> str:
    """Text that can be stored and sent: PostgreSQL has no NUL in its texts, and UTF-8 no halves of pairs."""
    if "\x00" in value and not defects.is_on("nul-in-text"):
        raise ValueError("must not hold the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not hold half of a surrogate pair") from None
    return value


def _within(value: str) -> str:
    if defects.is_on("input-counts-bytes") and len(value.encode()) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"must have at most {TEXT_CHARACTERS_MAX} bytes")
    return value


#: What one vector can stand for; a longer text is to be split by who knows where.
TEXT_CHARACTERS_MAX = 2000
#: Items that are read at once.
EXPORT_PAGE = 500
#: As many as are worked on while a caller waits.
BATCH_MAX = 32

Line = Annotated[str, AfterValidator(_storable)]
Passage = Annotated[
    Line, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX, examples=["lantern"]), AfterValidator(_within)
]


class NewItem(BaseModel):
    """An item to sell."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field(min_length=1, max_length=120, examples=["Kettle"])
    price_cents: int = Field(ge=0, le=100_000_000, examples=[4200])


class Text(BaseModel):
    """A text to embed."""

    model_config = ConfigDict(extra="forbid")

    text: Passage


class Texts(BaseModel):
    """Texts to embed, all at once."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Passage] = Field(min_length=1, max_length=None if defects.is_on("batch-unlimited") else BATCH_MAX)


async def wait_for_a_connection(engine: AsyncEngine) -> None:
    """A defect: as a pool that blocks its thread does, and with it everybody else."""
    pool: Any = engine.pool

    def is_exhausted() -> bool:
        return bool(pool.checkedout() >= pool.size() + pool._max_overflow)  # noqa: SLF001  # the pool does not tell otherwise

    if is_exhausted():
        # Those that are being opened count as lent; blocked now, they would never be there.
        await asyncio.sleep(OPENED_SECONDS)
    if is_exhausted():
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251  # the defect


async def exported(db: AsyncConnection, resources: Resources) -> AsyncIterator[str]:
    """Every item as a line of JSON, read in pages, so that many items need no more memory than few."""
    last = 0
    while True:
        page = select(Item.id, Item.name, Item.price_cents).where(Item.id > last).order_by(Item.id).limit(EXPORT_PAGE)
        rows = (await db.execute(page)).mappings().all()
        if not rows:
            return
        yield "".join(f"{json.dumps(dict(row))}\n" for row in rows)
        if resources.draining_seconds and defects.is_on("drain-cuts-streams"):
            raise ConnectionAbortedError
        last = rows[-1]["id"]


def router(resources: Resources) -> APIRouter:  # noqa: C901, PLR0915  # one flat list of routes, each a few lines
    """Every route but the probes."""
    routes = APIRouter()

    async def database() -> AsyncIterator[AsyncConnection]:
        if defects.is_on("pool-wait-blocks"):
            await wait_for_a_connection(resources.engine)
        async with resources.engine.begin() as connection:
            yield connection

    guesses = Guesses(resources.redis)
    repeats = Repeats(resources.redis)

    async def login(request: Request, _token: Annotated[Any, Security(BEARER)] = None) -> int:
        user_id = resources.tokens.user_id(request.headers.get("authorization", ""))
        if user_id is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return user_id

    UserId = Annotated[int, Depends(login)]  # noqa: N806  # a type
    Database = Annotated[AsyncConnection, Depends(database, scope="function")]  # noqa: N806  # a type
    WholeRequest = Annotated[AsyncConnection, Depends(database, scope="request")]  # noqa: N806  # a type

    async def anybody(request: Request) -> int:
        return resources.tokens.user_id(request.headers.get("authorization", "")) or 0

    async def admin(user_id: UserId, db: Database) -> int:
        # Asked each time: a token is valid for a while, a role only as long as the database says so.
        if not await db.scalar(select(User.is_admin).where(User.id == user_id)):
            raise HTTPException(403)
        return user_id

    @routes.get("/", response_class=HTMLResponse)
    async def page(request: Request) -> HTMLResponse:
        """The shop's page."""
        request.state.csp_nonce = new_nonce()
        return HTMLResponse(PAGE.format(nonce=request.state.csp_nonce))

    @routes.get("/api")
    async def api() -> dict[str, Any]:
        """What the service is and can do."""
        return information(resources.settings)

    @routes.get("/old")
    async def old() -> RedirectResponse:
        """Where the items were once; leads to where they are."""
        return RedirectResponse("/items", status_code=301)

    @routes.get("/items")
    async def items(db: Database, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> dict[str, Any]:
        """The items for sale, oldest first."""
        found = await db.execute(select(Item.id, Item.name, Item.price_cents).order_by(Item.id).limit(limit))
        return {"items": [dict(row) for row in found.mappings()]}

    async def claimed(user_id: UserId, idempotency_key: IdempotencyKey = None) -> str | None:
        await repeats.claim(user_id, idempotency_key)
        return idempotency_key

    # Before the connection, which a request that is refused does not need.
    Key = Annotated[str | None, Depends(claimed)]  # noqa: N806  # a type

    @routes.post("/items", status_code=201)
    async def new_item(user_id: UserId, item: NewItem, key: Key, db: Database) -> dict[str, Any]:
        """Offer an item; it belongs to whoever is logged in. With an ``Idempotency-Key`` once, however often it is sent."""

        async def offer() -> dict[str, Any]:
            row = await db.execute(
                insert(Item)
                .values(name=item.name, price_cents=item.price_cents, owner_id=user_id)
                .returning(Item.id, Item.name, Item.price_cents)
            )
            return dict(row.mappings().one())

        created = await repeats.once(db, user_id=user_id, key=key, request=item.model_dump(), do=offer)
        if resources.draining_seconds > LATE_SECONDS and defects.is_on("drain-loses-writes"):
            await db.rollback()
        return created

    @routes.get(
        "/items/export",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
    )
    async def export(_user_id: UserId, db: WholeRequest) -> StreamingResponse:
        """Every item, one JSON object per line, oldest first."""
        # The connection was had before anything is sent: a database that is away is a clean refusal, not half an answer.
        return StreamingResponse(exported(db, resources), media_type="application/x-ndjson")

    @routes.get("/items/{item_id}")
    async def item(item_id: ItemId, db: Database) -> dict[str, Any]:
        """One item."""
        found = await db.execute(select(Item.id, Item.name, Item.price_cents).where(Item.id == item_id))
        row = found.mappings().first()
        if row is None:
            raise HTTPException(404)
        return dict(row)

    @routes.delete("/items/{item_id}", status_code=204)
    async def delete_item(user_id: UserId, item_id: ItemId, db: Database) -> None:
        """Withdraw one's own item."""
        # Somebody else's item is not found: whether it exists is none of the caller's business to change.
        mine = delete(Item).where(Item.id == item_id)
        if not defects.is_on("item-deletable-by-others"):
            mine = mine.where(Item.owner_id == user_id)
        gone = await db.execute(mine.returning(Item.id))
        if gone.first() is None:
            raise HTTPException(404)

    @routes.get("/me")
    async def me(user_id: UserId, db: Database) -> dict[str, Any]:
        """Who is logged in."""
        found = await db.execute(select(User.id, User.name).where(User.id == user_id))
        row = found.mappings().first()
        if row is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return dict(row)

    @routes.post("/auth/register", status_code=201)
    async def register(credentials: Credentials) -> dict[str, Any]:
        """Make an account."""
        password_hash = await resources.passwords.hash(credentials.password)
        # The connection is taken after the hashing, which is the slow part.
        async with resources.engine.begin() as db:
            found = await db.execute(
                insert_new(User)
                .values(name=credentials.name, password_hash=password_hash)
                .on_conflict_do_nothing(index_elements=[User.name])
                .returning(User.id)
            )
            user_id = found.scalar()
        if user_id is None:
            raise HTTPException(409, "The name is taken")
        return {"id": user_id, "name": credentials.name}

    async def session(response: Response, user_id: int) -> dict[str, Any]:
        refresh = secrets.token_urlsafe(32)
        if defects.is_on("refresh-token-is-access-token"):
            refresh = resources.tokens.issue(user_id, seconds=REFRESH_SECONDS)
        lifetime = None if defects.is_on("refresh-token-eternal") else REFRESH_SECONDS
        await resources.redis.set(f"refresh:{refresh}", user_id, ex=lifetime)
        response.set_cookie(
            REFRESH_COOKIE,
            refresh,
            max_age=REFRESH_SECONDS,
            secure=True,
            httponly=not defects.is_on("cookie-without-httponly"),
            samesite="strict",
        )
        return {"access_token": resources.tokens.issue(user_id), "token_type": "bearer", "expires_in": ACCESS_SECONDS}

    @routes.post("/auth/login")
    async def log_in(credentials: Credentials, response: Response) -> dict[str, Any]:
        """Log in: an access token in the answer, a refresh token in a cookie."""
        if defects.is_on("password-logged"):
            # Past the loggers, to which the error tracker listens: what it is sent is another check's matter.
            line = f"login of {credentials.name} with {credentials.password}"
            record = logging.LogRecord(__name__, logging.INFO, __file__, 0, line, None, None)
            logging.getLogger().handlers[0].handle(record)
        if wait := await guesses.wait_seconds(credentials.name):
            raise HTTPException(429, "Too many wrong passwords", headers={"Retry-After": str(wait)})
        async with resources.engine.connect() as db:
            found = await db.execute(select(User.id, User.password_hash).where(User.name == credentials.name))
            row = found.first()
        if not await resources.passwords.is_right(row.password_hash if row else None, credentials.password) or not row:
            await guesses.failed(credentials.name)
            raise HTTPException(401, "Name or password is wrong", headers={"WWW-Authenticate": "Bearer"})
        await guesses.forget(credentials.name)
        return await session(response, row.id)

    @routes.post("/auth/refresh")
    async def refresh(
        response: Response, token: Annotated[str | None, Cookie(alias=REFRESH_COOKIE)] = None
    ) -> dict[str, Any]:
        """A new access token for the refresh cookie, which is replaced."""
        user_id = await resources.redis.getdel(f"refresh:{token}") if token else None
        if user_id is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return await session(response, int(user_id))

    @routes.post("/auth/logout", status_code=204)
    async def log_out(response: Response, token: Annotated[str | None, Cookie(alias=REFRESH_COOKIE)] = None) -> None:
        """Forget the refresh cookie."""
        if token:
            await resources.redis.delete(f"refresh:{token}")
        response.delete_cookie(REFRESH_COOKIE, secure=True, httponly=True, samesite="strict")

    @routes.post("/embed")
    async def embed(text: Text) -> dict[str, Any]:
        """A text as a vector."""
        if defects.is_on("inference-shares-a-buffer"):
            return {"embedding": await resources.model.embed_from_buffer(text.text)}
        return {"embedding": resources.model.embed(text.text)}

    @routes.post("/embed/batch")
    async def embed_batch(texts: Texts) -> dict[str, Any]:
        """Several texts as vectors, in their order."""
        if defects.is_on("batch-order-lost"):
            # By length, as padding wants it, and not back.
            return {"embeddings": [resources.model.embed(text) for text in sorted(texts.texts, key=len)]}
        return {"embeddings": [resources.model.embed(text) for text in texts.texts]}

    @routes.post("/jobs", status_code=202)
    async def new_job(request: Request, user_id: UserId, text: Text) -> dict[str, Any]:
        """Have a text worked on in the background."""
        job_id = uuid.uuid4().hex
        # Committed before it is queued: a worker that is quicker than our commit would not find it.
        async with resources.engine.begin() as db:
            await db.execute(insert(Job).values(id=job_id, owner_id=user_id, text=text.text))
        try:
            asked_by = "" if defects.is_on("id-not-passed-to-worker") else request.state.request_id
            await resources.queue.put(job_id=job_id, request_id=asked_by)
        except Exception:
            async with resources.engine.begin() as db:
                await db.execute(update(Job).where(Job.id == job_id).values(status="failed"))
            raise
        return {"id": job_id, "status": "queued"}

    @routes.get("/jobs")
    async def jobs(
        user_id: Annotated[int, Depends(anybody if defects.is_on("jobs-without-login") else login)], db: Database
    ) -> dict[str, Any]:
        """One's own jobs, newest first."""
        mine = select(Job.id, Job.status).where(Job.owner_id == user_id)
        found = await db.execute(mine.order_by(Job.created_at.desc()).limit(50))
        return {"jobs": [dict(row) for row in found.mappings()]}

    @routes.get("/jobs/{job_id}")
    async def job(
        user_id: UserId, job_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], db: Database
    ) -> JSONResponse:
        """One of one's own jobs, with its result once there is one."""
        wanted = select(Job.id, Job.status, Job.result, Job.runs).where(Job.id == job_id)
        if not defects.is_on("job-readable-by-others"):
            wanted = wanted.where(Job.owner_id == user_id)
        found = await db.execute(wanted)
        row = found.mappings().first()
        if row is None:
            raise HTTPException(404)
        return JSONResponse(dict(row))

    manager: Any = login if defects.is_on("role-unchecked") else admin

    @routes.get("/admin/users", dependencies=[Depends(manager)])
    async def users(db: Database, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> dict[str, Any]:
        """Every account; for administrators."""
        columns = (User.id, User.name, User.is_admin, User.created_at)
        found = await db.execute(select(*columns).order_by(User.id).limit(limit))
        return {"users": [dict(row) for row in found.mappings()]}

    @routes.delete("/admin/users/{user_id}", status_code=204, dependencies=[Depends(admin)])
    async def remove_user(user_id: ItemId, db: Database) -> None:
        """Remove an account that is no administrator's; for administrators."""
        # Administrators are made by the settings, and unmade there.
        gone = await db.execute(delete(User).where(User.id == user_id, ~User.is_admin).returning(User.id))
        if gone.first() is None:
            raise HTTPException(404)

    if resources.settings.error_route:
        failures, leaked = itertools.count(), list[AsyncConnection]()

        @routes.get("/boom")
        async def boom() -> None:
            """Fails, so that the answer to an unforeseen error can be seen."""
            if next(failures) > FAILURES_HARMLESS:
                if defects.is_on("errors-end-the-process"):
                    os._exit(1)
                if defects.is_on("errors-leak-connections"):
                    with contextlib.suppress(SQLAlchemyError):
                        leaked.append(await resources.engine.connect())
            raise RuntimeError("the error route was asked for")

        @routes.post("/boom", include_in_schema=False)
        async def boom_with(credentials: Credentials) -> None:
            password = credentials.password  # a local of the frame that fails, as any route has one
            raise RuntimeError(f"the error route was asked for with {len(password)} characters")

    return routes
