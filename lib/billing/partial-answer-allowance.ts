import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { RedisScript } from "../ports/redis-script.ts";

/** An answer that a provider broke off is free up to this much, and an account gets this much of it a day (ledger, section 8). */
const MAX_FORGIVEN_PER_REQUEST: NanoUsd = 50_000_000n;
const MAX_FORGIVEN_PER_DAY: NanoUsd = 1_000_000_000n;
const DAY_MS = 86_400_000;

/**
 * Takes from the day's allowance, or nothing when it does not suffice. Replies 1 or 0.
 * KEYS[1] the account's counter of the day; ARGV[1] amount; ARGV[2] the day's allowance, both nano-dollars.
 */
export const takeForgivenessScript: RedisScript = {
  name: "take-forgiveness",
  lua: `
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ${2 * DAY_MS})
return 1`,
  native: (call, keys, args) => {
    const [key = ""] = keys;
    const [amount = "0", allowance = "0"] = args;
    if (Number(call("GET", key) ?? 0) + Number(amount) > Number(allowance)) return 0;
    call("INCRBY", key, amount);
    call("PEXPIRE", key, 2 * DAY_MS);
    return 1;
  },
};

/**
 * Whether the customer is let off for an answer that its provider did not finish. The bound keeps deliberate
 * triggering from paying; when the counter cannot be read the delivered tokens are charged (money fails closed).
 * @param costNanoUsd what the delivered part would cost
 */
export async function forgivePartialAnswer(
  ports: Pick<Ports, "clock" | "redis">,
  accountId: string,
  costNanoUsd: NanoUsd,
): Promise<boolean> {
  if (costNanoUsd === 0n) return true;
  if (costNanoUsd > MAX_FORGIVEN_PER_REQUEST) return false;
  const day = Math.floor(ports.clock.now() / DAY_MS);
  try {
    const args = [String(costNanoUsd), String(MAX_FORGIVEN_PER_DAY)];
    return Number(await ports.redis.eval(takeForgivenessScript.lua, [`gw:forgiven:${accountId}:${day}`], args)) === 1;
  } catch {
    return false;
  }
}
