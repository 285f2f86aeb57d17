-- Every kind of column and of object that is known to get lost or altered on the way through a backup.
create extension vector;
create schema audit;
create type public.mood as enum ('sad', 'ok', 'happy');
create domain public.positive as integer default 1 check (value > 0);
create type public.pair as (a integer, b text);
create table public.items (
  id bigserial primary key,
  name text not null default 'none',
  status varchar(10) not null default 'new' check (status in ('new', 'old')),
  price numeric(12, 4),
  ratio double precision,
  single real,
  is_there boolean,
  made timestamptz default now(),
  day date,
  span interval,
  doc json,
  docb jsonb,
  tags text[],
  grid integer[][],
  during tstzrange,
  body bytea,
  feeling public.mood,
  amount public.positive,
  couple public.pair,
  address inet,
  bits bit varying(9),
  fixed character(5),
  cash money,
  words tsvector,
  place point,
  key uuid,
  page jsonpath,
  nearby vector(3),
  lower_name text generated always as (lower(name)) stored
);
insert into public.items (name, status, price, ratio, single, is_there, made, day, span, doc, docb, tags, grid, during, body,
  feeling, amount, couple, address, bits, fixed, cash, words, place, key, page, nearby)
select case i % 7 when 0 then '' when 1 then E'tab\tand\nline \\ "quoted" ''single''' when 2 then 'ünï→😀' else 'item ' || i end,
  case i % 2 when 0 then 'new' else 'old' end,
  case i % 5 when 0 then null when 1 then 'NaN'::numeric when 2 then 1.0 else i / 7.0 end,
  case i % 5 when 0 then 'NaN'::float8 when 1 then 'Infinity' when 2 then '-Infinity' when 3 then -0.0 else 1.0 / i end,
  1.0 / (i + 1), case i % 3 when 0 then null when 1 then true else false end,
  case i % 4 when 0 then 'infinity'::timestamptz when 1 then '-infinity' else '2024-02-29 23:59:59.999999+14'::timestamptz + i * interval '1 s' end,
  case i % 4 when 0 then '0044-03-15 BC'::date else '2024-01-01'::date + i end,
  make_interval(months => i, days => -i, secs => i / 3.0),
  case i % 3 when 0 then null else '{"a":  1, "a": 2}'::json end, jsonb_build_object('i', i, 'n', null),
  case i % 4 when 0 then null when 1 then '{}'::text[] when 2 then array[null, '', 'NULL', 'a,b'] else array['x'] end,
  '{{1,2},{3,4}}', tstzrange('2024-01-01', case i % 2 when 0 then null else '2024-06-01'::timestamptz end),
  case i % 3 when 0 then null when 1 then ''::bytea else decode(md5(i::text) || '00ff', 'hex') end,
  (array['sad', 'ok', 'happy'])[1 + i % 3]::public.mood, 1 + i, row(i, null)::public.pair, '10.0.0.0/8', b'101', 'ab',
  1234.56, to_tsvector('simple', 'a b ' || i), point(i, 0.1), md5(i::text)::uuid, '$.a[*]', array[i, 0, 1]::vector
from generate_series(1, 200) i;
create table public.log (at integer, line text);  -- no key
insert into public.log select i % 10, case i % 10 when 0 then null when 1 then '' else 'same' end from generate_series(1, 60) i;
create table public.wide (id integer primary key, body text, raw bytea);
insert into public.wide select i, repeat(md5(i::text), 100000), decode(repeat(md5(i::text), 1000), 'hex') from generate_series(1, 3) i;
create table audit.events (at date not null, seq integer not null, what text, primary key (at, seq)) partition by range (at);
create table audit.events_2023 partition of audit.events for values from ('2023-01-01') to ('2024-01-01');
create table audit.events_2024 partition of audit.events for values from ('2024-01-01') to ('2025-01-01');
insert into audit.events select '2023-12-25'::date + i, i, 'event ' || i from generate_series(1, 20) i;
create table audit.kinds (id integer primary key);
insert into audit.kinds values (1);
alter table audit.events add column kind integer default 1 references audit.kinds;
create table audit.notes (at date, seq integer, note text, foreign key (at, seq) references audit.events);
insert into audit.notes values ('2023-12-26', 1, 'a');
create table public.broad (id integer, d date);
do $$ begin for i in 1..400 loop execute format('alter table public.broad add column %I text default %L', 'a_rather_long_name_of_a_column_' || i, i); end loop; end $$;
insert into public.broad select i, '2024-01-01' from generate_series(1, 20) i;
create unlogged table public.scratch (id integer primary key, v text);
insert into public.scratch values (1, 'kept by a dump');
create table public.children (id integer primary key, item bigint references public.items on delete cascade);
insert into public.children select i, i from generate_series(1, 50) i;
alter table public.children add constraint late check (id < 100000) not valid;
create table public.nothing ();
create table public."Odd ""name.s" ("readiness" integer primary key, "t" text, "k" text, "a.b" text);
insert into public."Odd ""name.s" values (1, 't', 'k', 'a.b');
create table public.alembic_version (version_num varchar(32) primary key);
insert into public.alembic_version values ('abc123');
create index items_name on public.items (lower(name), status) where status <> 'old';
create index items_words on public.items using gin (words);
create statistics public.items_stats on name, status from public.items;
create view public.new_items as select id, name, status from public.items where status in ('new', 'old');
create materialized view public.counts as select status, count(*) from public.items group by 1;
create sequence public.tickets start 1000 increment 5;
select nextval('public.tickets'), nextval('public.tickets');
create sequence public.unused;
create table public.ident (id integer generated always as identity primary key, v text);
insert into public.ident (v) values ('a'), ('b');
create function public.touch() returns trigger language plpgsql as $$ begin new.made := new.made; return new; end $$;
create trigger touch before update on public.items for each row execute function public.touch();
create procedure public.clean() language sql as 'delete from public.scratch';
create aggregate public.total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
create rule no_delete as on delete to public.log do instead nothing;
alter table public.items enable row level security;
create policy own on public.items for select using (status = 'new');
comment on table public.items is 'things';
comment on column public.items.name is 'what people say';
comment on index public.items_name is 'quick';
comment on schema audit is 'who did what';
do $$ begin
  create role app_reader; exception when duplicate_object then null; end $$;
do $$ begin
  create role app_writer login password 'x' connection limit 5; exception when duplicate_object then null; end $$;
grant app_reader to app_writer;
alter role app_writer set statement_timeout = '5s';
grant select on public.items to app_reader;
grant select, insert on public.log to app_writer with grant option;
grant update (name) on public.items to app_writer;
grant usage on schema audit to app_reader;
grant usage on sequence public.tickets to app_writer;
revoke execute on function public.touch() from public;
alter default privileges in schema public grant select on tables to app_reader;
alter table public.children owner to app_writer;
select lo_from_bytea(424242, repeat('large object ', 1000)::bytea);
select lo_put(lo_create(434343), 10000, 'behind a hole');
comment on large object 424242 is 'a picture';
create foreign data wrapper elsewhere;
create server faraway foreign data wrapper elsewhere options (host 'example.org');
create foreign table public.far (id integer, v text) server faraway;
grant usage on foreign server faraway to app_reader;
create collation public.exact (locale = 'C');
create table public.sorted (v text collate public.exact primary key);
insert into public.sorted values ('b'), ('B'), ('a');
create cast (text as public.mood) with inout as assignment;
create publication changes for table public.log with (publish = 'insert');
