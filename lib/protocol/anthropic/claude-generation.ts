/**
 * What a Claude model's version says of the requests that it takes (platform.claude.com/docs/en/build-with-claude:
 * adaptive-thinking, effort; migration guide to Opus 4.7; read 2026-11-24).
 */
export interface ClaudeGeneration {
  /** From 4.6 on a model is told an effort and thinks as much as it sees fit; before, it is given a budget in tokens. */
  readonly thinksAdaptively: boolean;
  /** From 4.7 on `temperature`, `top_p` and `top_k` are refused, and thoughts are shown on request only. */
  readonly samples: boolean;
  /** From 4.7 on there is an effort between `high` and `max`. */
  readonly knowsXhigh: boolean;
}

/** Of a native id, wherever a vendor puts the version: `claude-opus-4-7`, `claude-3-5-haiku-20241022`, `claude-sonnet-5`. */
export function claudeGeneration(nativeModel: string): ClaudeGeneration {
  const match = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?/.exec(nativeModel);
  // A name without a version is an old or a foreign one: those know the budget form.
  const version = match === null ? 0 : Number(match[1]) * 100 + Number(match[2] ?? 0);
  return { thinksAdaptively: version >= 406, samples: version < 407, knowsXhigh: version >= 407 };
}
