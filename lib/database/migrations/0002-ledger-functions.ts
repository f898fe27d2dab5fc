/** The functions of migration 0002, in the order in which they refer to each other: the only way to write the ledger. */
export const LEDGER_FUNCTIONS: readonly string[] = [
  `create function account_open(p_account text, p_name text, p_email text) returns void
  language sql security definer set search_path = public, pg_temp as $$
    insert into account (id, name, email) values (p_account, p_name, p_email) on conflict (id) do nothing;
    insert into credit_account (account_id) values (p_account) on conflict (account_id) do nothing;
  $$`,
  // The one place that changes a balance: a transaction, its entries on both sides, the account's row.
  `create function credit_post(
    p_key text, p_account text, p_kind text, p_source text, p_request text,
    p_allowance bigint, p_purchased bigint, p_detail jsonb
  ) returns void language plpgsql security definer set search_path = public, pg_temp as $$
  begin
    insert into credit_transaction (key, account_id, kind, source, amount, from_allowance, from_purchased, request_id, detail)
      values (p_key, p_account, p_kind, p_source, -(p_allowance + p_purchased), -p_allowance, -p_purchased, p_request,
              coalesce(p_detail, '{}'));
    insert into credit_entry (transaction_key, account_id, bucket, amount)
      select p_key, leg.account_id, leg.bucket, leg.amount
      from (values
        (p_account, 'allowance', p_allowance),
        (p_account, 'purchased', p_purchased),
        (null, case when p_kind in ('settle', 'adjust', 'refund') then 'sys:revenue'
                    when p_kind = 'purchase' then 'sys:cash' else 'sys:promo' end, -(p_allowance + p_purchased))
      ) as leg(account_id, bucket, amount)
      where leg.amount <> 0;
    update credit_account
      set allowance = allowance + p_allowance, purchased = purchased + p_purchased, version = version + 1
      where account_id = p_account;
  end $$`,
  // Tier strict: Postgres alone holds. Tier shadow: Redis holds too, and its mirror counts it already, so that the version
  // and with it the mirror's base stay; what is asked here is whether Postgres agrees.
  `create function ledger_hold(
    p_request text, p_account text, p_amount bigint, p_seconds integer, p_tier text default 'strict'
  )
  returns table (status text, available bigint, balance bigint, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account; h credit_hold; free bigint; total bigint;
  begin
    if p_amount < 0 then raise exception 'negative amount' using errcode = 'check_violation'; end if;
    select * into a from credit_account c where c.account_id = p_account for update;
    if not found then return query select 'no_account', 0::bigint, 0::bigint, 0::bigint, 0::bigint; return; end if;
    total := a.allowance + a.purchased;
    free := total - a.held - a.held_shadow;
    select * into h from credit_hold c where c.request_id = p_request;
    if found then return query select 'replay:' || h.state, free, total, total - a.held, a.version; return; end if;
    if exists (select 1 from credit_transaction t where t.key = 'settle:' || p_request) then
      return query select 'replay:settled', free, total, total - a.held, a.version; return;
    end if;
    if a.status = 'frozen' then return query select 'frozen', free, total, total - a.held, a.version; return; end if;
    if free < p_amount then return query select 'insufficient', free, total, total - a.held, a.version; return; end if;
    insert into credit_hold (request_id, account_id, amount, tier, expires_at)
      values (p_request, p_account, p_amount, p_tier, clock_timestamp() + make_interval(secs => p_seconds));
    if p_tier = 'shadow' then
      update credit_account c set held_shadow = c.held_shadow + p_amount where c.account_id = p_account;
      return query select 'ok', free - p_amount, total, total - a.held, a.version; return;
    end if;
    update credit_account c set held = c.held + p_amount, version = c.version + 1 where c.account_id = p_account;
    return query select 'ok', free - p_amount, total, total - a.held - p_amount, a.version + 1;
  end $$`,
  // Raises an open strict hold; the shadow of a fast one is only moved along, Redis has already granted it.
  `create function ledger_extend(p_request text, p_account text, p_amount bigint)
  returns table (status text, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account; h credit_hold; more bigint;
  begin
    select * into a from credit_account c where c.account_id = p_account for update;
    select * into h from credit_hold c where c.request_id = p_request and c.account_id = p_account and c.state = 'held';
    if not found then return query select 'gone', a.allowance + a.purchased - a.held, a.version; return; end if;
    more := greatest(0, p_amount - h.amount);
    if h.tier = 'shadow' then
      update credit_hold c set amount = c.amount + more where c.request_id = p_request;
      update credit_account c set held_shadow = c.held_shadow + more where c.account_id = p_account;
      return query select 'ok', a.allowance + a.purchased - a.held, a.version; return;
    end if;
    if a.status = 'frozen' or a.allowance + a.purchased - a.held - a.held_shadow < more then
      return query select 'insufficient', a.allowance + a.purchased - a.held, a.version; return;
    end if;
    update credit_hold c set amount = c.amount + more where c.request_id = p_request;
    update credit_account c set held = c.held + more, version = c.version + 1 where c.account_id = p_account;
    return query select 'ok', a.allowance + a.purchased - a.held - more, a.version + 1;
  end $$`,
  // Records a hold that Redis has granted already, so that it never refuses and does not change the mirror's base.
  `create function ledger_shadow(p_request text, p_account text, p_amount bigint, p_seconds integer) returns text
  language plpgsql security definer set search_path = public, pg_temp as $$
  begin
    perform 1 from credit_account c where c.account_id = p_account for update;
    if exists (select 1 from credit_transaction t where t.key = 'settle:' || p_request)
      or exists (select 1 from credit_hold c where c.request_id = p_request) then return 'replay'; end if;
    insert into credit_hold (request_id, account_id, amount, tier, expires_at)
      values (p_request, p_account, p_amount, 'shadow', clock_timestamp() + make_interval(secs => p_seconds));
    update credit_account c set held_shadow = c.held_shadow + p_amount where c.account_id = p_account;
    return 'ok';
  end $$`,
  `create function credit_close_hold(p_request text, p_account text) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare h credit_hold;
  begin
    update credit_hold c set state = 'closed' where c.request_id = p_request and c.state = 'held' returning * into h;
    if not found then return; end if;
    if h.tier = 'strict' then
      update credit_account c set held = c.held - h.amount, version = c.version + 1 where c.account_id = p_account;
    else
      update credit_account c set held_shadow = c.held_shadow - h.amount where c.account_id = p_account;
    end if;
  end $$`,
  // Once per request: the first writer wins, except that the true amount corrects what the sweeper had to guess.
  // The split between allowance and purchased credit is decided here, at the end, not when the request began.
  `create function ledger_settle(
    p_request text, p_account text, p_amount bigint, p_source text, p_detail jsonb default '{}', p_attempts jsonb default '[]'
  ) returns table (status text, charged bigint, balance bigint, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account; t credit_transaction; result text; part bigint; delta bigint;
  begin
    if p_amount < 0 then raise exception 'negative amount' using errcode = 'check_violation'; end if;
    select * into a from credit_account c where c.account_id = p_account for update;
    if not found then raise exception 'no such account' using errcode = 'no_data_found'; end if;
    select * into t from credit_transaction x where x.key = 'settle:' || p_request;
    if not found then
      part := least(p_amount, a.allowance);
      perform credit_post('settle:' || p_request, p_account, 'settle', p_source, p_request, -part, -(p_amount - part), p_detail);
      insert into provider_attempt (request_id, position, provider, outcome, cost)
        select p_request, x.position, x.attempt ->> 'provider', x.attempt ->> 'outcome', (x.attempt ->> 'cost')::bigint
        from jsonb_array_elements(p_attempts) with ordinality as x(attempt, position)
        on conflict do nothing;
      result := 'ok';
    else
      if t.account_id <> p_account then raise exception 'request of another account' using errcode = 'check_violation'; end if;
      result := 'replay';
      if t.source = 'swept' and p_source = 'final'
        and not exists (select 1 from credit_transaction x where x.key = 'adjust:' || p_request) then
        delta := p_amount - t.amount;
        if delta >= 0 then
          part := least(delta, a.allowance);
          perform credit_post('adjust:' || p_request, p_account, 'adjust', 'final', p_request, -part, -(delta - part), p_detail);
        else
          perform credit_post('adjust:' || p_request, p_account, 'adjust', 'final', p_request,
            greatest(0, -delta - t.from_purchased), least(-delta, t.from_purchased), p_detail);
        end if;
        result := 'adjusted';
      end if;
    end if;
    perform credit_close_hold(p_request, p_account);
    return query select result,
      (select coalesce(sum(x.amount), 0)::bigint from credit_transaction x
        where x.request_id = p_request and x.kind in ('settle', 'adjust')),
      c.allowance + c.purchased, c.allowance + c.purchased - c.held, c.version
      from credit_account c where c.account_id = p_account;
  end $$`,
  // All first settles of one account at once: the row is locked and written once, the split between allowance and
  // purchased credit follows the order of the items. Items that were settled before are left to ledger_settle.
  `create function credit_settle_new(p_account text, p_items jsonb) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account; used_allowance bigint; used_purchased bigint; settled bigint; strict_sum bigint; strict_count bigint; shadow_sum bigint;
  begin
    select * into a from credit_account c where c.account_id = p_account for update;
    if not found then raise exception 'no such account' using errcode = 'no_data_found'; end if;
    if exists (select 1 from jsonb_array_elements(p_items) x(value) where (x.value ->> 'amount')::bigint < 0) then
      raise exception 'negative amount' using errcode = 'check_violation';
    end if;
    with item as (
      select x.value ->> 'request' as request, (x.value ->> 'amount')::bigint as amount, x.value -> 'detail' as detail,
        coalesce(sum((x.value ->> 'amount')::bigint) over (order by x.position rows between unbounded preceding and 1 preceding), 0) as before
      from jsonb_array_elements(p_items) with ordinality x(value, position)
    ), split as (
      select request, amount, detail, least(amount, greatest(0, a.allowance - before))::bigint as from_allowance from item
    ), posted as (
      insert into credit_transaction (key, account_id, kind, source, amount, from_allowance, from_purchased, request_id, detail)
      select 'settle:' || request, p_account, 'settle', 'final', amount, from_allowance, amount - from_allowance, request,
        coalesce(detail, '{}') from split
      returning key, amount, from_allowance, from_purchased
    ), legs as (
      insert into credit_entry (transaction_key, account_id, bucket, amount)
      select p.key, leg.account_id, leg.bucket, leg.amount
      from posted p cross join lateral (values
        (p_account, 'allowance', -p.from_allowance), (p_account, 'purchased', -p.from_purchased), (null, 'sys:revenue', p.amount)
      ) as leg(account_id, bucket, amount)
      where leg.amount <> 0
    ), tried as (
      insert into provider_attempt (request_id, position, provider, outcome, cost)
      select x.value ->> 'request', t.position, t.attempt ->> 'provider', t.attempt ->> 'outcome', (t.attempt ->> 'cost')::bigint
      from jsonb_array_elements(p_items) x(value)
        cross join lateral jsonb_array_elements(coalesce(x.value -> 'attempts', '[]')) with ordinality t(attempt, position)
      on conflict do nothing
    ), closed as (
      update credit_hold h set state = 'closed'
      where h.request_id in (select request from item) and h.account_id = p_account and h.state = 'held'
      returning h.tier, h.amount
    )
    select (select coalesce(sum(from_allowance), 0) from posted), (select coalesce(sum(from_purchased), 0) from posted),
      (select count(*) from posted),
      (select coalesce(sum(amount) filter (where tier = 'strict'), 0) from closed),
      (select count(*) filter (where tier = 'strict') from closed),
      (select coalesce(sum(amount) filter (where tier = 'shadow'), 0) from closed)
    into used_allowance, used_purchased, settled, strict_sum, strict_count, shadow_sum;
    update credit_account c set allowance = c.allowance - used_allowance, purchased = c.purchased - used_purchased,
      held = c.held - strict_sum, held_shadow = c.held_shadow - shadow_sum, version = c.version + settled + strict_count
      where c.account_id = p_account;
  end $$`,
  // Many settles in one statement. Accounts are taken in one order; what fails does not take others with it.
  `create function ledger_settle_batch(p_items jsonb)
  returns table (request_id text, status text, charged bigint, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare owner text; mine jsonb; fresh jsonb; others jsonb; item jsonb; r record;
  begin
    for owner in select distinct x.value ->> 'account' from jsonb_array_elements(p_items) x(value) order by 1 loop
      perform 1 from credit_account c where c.account_id = owner for update;
      select jsonb_agg(x.value order by x.position) into mine
        from jsonb_array_elements(p_items) with ordinality x(value, position) where x.value ->> 'account' = owner;
      -- First settles together; replays, corrections and repeats within the batch one by one.
      select jsonb_agg(y.value) filter (where y.nth = 1 and not y.known), jsonb_agg(y.value) filter (where y.nth > 1 or y.known)
        into fresh, others
        from (select x.value, row_number() over (partition by x.value ->> 'request' order by x.position) as nth,
                t.known is not null as known
              from jsonb_array_elements(mine) with ordinality x(value, position)
              -- With a limit it stays a look-up by key. As an "exists" it became a hash of the whole table, in a plan that was
              -- made while the table was small.
              left join lateral (
                select true as known from credit_transaction t where t.key = 'settle:' || (x.value ->> 'request') limit 1
              ) t on true) y;
      if fresh is not null then
        begin
          perform credit_settle_new(owner, fresh);
          return query select x.value ->> 'request', 'ok', (x.value ->> 'amount')::bigint,
            c.allowance + c.purchased - c.held, c.version
            from jsonb_array_elements(fresh) x(value), credit_account c where c.account_id = owner;
        exception when others then
          others := fresh || coalesce(others, '[]');
        end;
      end if;
      for item in select x.value from jsonb_array_elements(coalesce(others, '[]')) x(value) loop
        begin
          select * into r from ledger_settle(item ->> 'request', item ->> 'account', (item ->> 'amount')::bigint, 'final',
            item -> 'detail', coalesce(item -> 'attempts', '[]'));
          request_id := item ->> 'request'; status := r.status; charged := r.charged; base := r.base; version := r.version;
        exception when others then
          request_id := item ->> 'request'; status := 'failed'; charged := null; base := null; version := null;
        end;
        return next;
      end loop;
    end loop;
  end $$`,
  // For a request that was refused before any provider was called: the hold ends, nothing is written of it.
  `create function ledger_release(p_request text, p_account text)
  returns table (base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  begin
    perform 1 from credit_account c where c.account_id = p_account for update;
    perform credit_close_hold(p_request, p_account);
    return query select c.allowance + c.purchased - c.held, c.version from credit_account c where c.account_id = p_account;
  end $$`,
  // Gives a request's charge back, once: purchased credit first, then the allowance it came from.
  `create function ledger_refund(p_request text, p_reason text) returns table (status text, refunded bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare owner text; total bigint; allowance_part bigint;
  begin
    select x.account_id into owner from credit_transaction x where x.key = 'settle:' || p_request;
    if not found then return query select 'unknown', 0::bigint; return; end if;
    perform 1 from credit_account c where c.account_id = owner for update;
    if exists (select 1 from credit_transaction x where x.key = 'refund:' || p_request) then
      return query select 'replay', -x.amount from credit_transaction x where x.key = 'refund:' || p_request; return;
    end if;
    select coalesce(sum(x.amount), 0), greatest(0, coalesce(sum(x.from_allowance), 0)) into total, allowance_part
      from credit_transaction x where x.request_id = p_request and x.kind in ('settle', 'adjust');
    if total <= 0 then return query select 'nothing', 0::bigint; return; end if;
    allowance_part := least(allowance_part, total);
    perform credit_post('refund:' || p_request, owner, 'refund', 'system', p_request, allowance_part, total - allowance_part,
      jsonb_build_object('reason', p_reason));
    return query select 'ok', total;
  end $$`,
  `create function ledger_credit(p_key text, p_account text, p_amount bigint, p_bucket text, p_kind text, p_detail jsonb default '{}')
  returns table (status text, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare result text := 'ok';
  begin
    if p_amount <= 0 then raise exception 'amount must be positive' using errcode = 'check_violation'; end if;
    perform 1 from credit_account c where c.account_id = p_account for update;
    if not found then return query select 'no_account', 0::bigint, 0::bigint; return; end if;
    if exists (select 1 from credit_transaction x where x.key = p_key) then
      result := 'replay';
    elsif p_bucket = 'allowance' then
      perform credit_post(p_key, p_account, p_kind, 'system', null, p_amount, 0, p_detail);
    else
      perform credit_post(p_key, p_account, p_kind, 'system', null, 0, p_amount, p_detail);
    end if;
    return query select result, c.allowance + c.purchased - c.held, c.version from credit_account c where c.account_id = p_account;
  end $$`,
  // Expiry and grant in one: what is left over is lost, purchased credit is untouched (CM-6.2.4).
  `create function ledger_set_allowance(p_account text, p_period text, p_amount bigint) returns text
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account;
  begin
    if p_amount < 0 then raise exception 'negative amount' using errcode = 'check_violation'; end if;
    select * into a from credit_account c where c.account_id = p_account for update;
    if not found then return 'no_account'; end if;
    if exists (select 1 from credit_transaction x where x.key = 'allow:' || p_account || ':' || p_period) then return 'replay'; end if;
    perform credit_post('allow:' || p_account || ':' || p_period, p_account, 'subscription_renewal', 'system', null,
      p_amount - a.allowance, 0, jsonb_build_object('period', p_period));
    return 'ok';
  end $$`,
  // The rows that break an invariant (ledger design, section 9); none is the only good answer.
  `create function ledger_check() returns table (invariant text, subject text, detail text)
  language sql stable security definer set search_path = public, pg_temp as $$
    select 'I1', c.account_id, format('balance %s/%s, entries %s/%s', c.allowance, c.purchased, e.allowance, e.purchased)
      from credit_account c
      left join lateral (
        select coalesce(sum(x.amount) filter (where x.bucket = 'allowance'), 0) as allowance,
               coalesce(sum(x.amount) filter (where x.bucket = 'purchased'), 0) as purchased
        from credit_entry x where x.account_id = c.account_id) e on true
      where c.allowance <> e.allowance or c.purchased <> e.purchased
    union all
    select 'I2', c.account_id, format('held %s/%s, holds %s/%s', c.held, c.held_shadow, h.strict, h.shadow)
      from credit_account c
      left join lateral (
        select coalesce(sum(x.amount) filter (where x.tier = 'strict'), 0) as strict,
               coalesce(sum(x.amount) filter (where x.tier = 'shadow'), 0) as shadow
        from credit_hold x where x.account_id = c.account_id and x.state = 'held') h on true
      where c.held <> h.strict or c.held_shadow <> h.shadow
    union all
    select 'I3', t.request_id, 'refund or adjustment beyond the charge'
      from credit_transaction t where t.request_id is not null
      group by t.request_id having sum(t.amount) < 0
    union all
    select 'I9', t.key, 'a charge split against its sign'
      from credit_transaction t where t.kind = 'settle' and (t.from_allowance < 0 or t.from_purchased < 0)
    union all
    select 'I10', e.transaction_key, 'does not balance' from credit_entry e group by e.transaction_key having sum(e.amount) <> 0
    union all
    select 'I11', h.request_id, 'open past its time' from credit_hold h
      where h.state = 'held' and h.expires_at < clock_timestamp() - interval '3 minutes'
  $$`,
];
