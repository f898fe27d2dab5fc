import { claudeGeneration } from "../anthropic/claude-generation.ts";

/** What the makers of Bedrock's models take, by the native id (docs.aws.amazon.com/bedrock/latest/userguide, read 2026-11-25). */
export interface BedrockModel {
  /** Anthropic's parameters go into `additionalModelRequestFields`. */
  readonly isClaude: boolean;
  readonly isNova: boolean;
  /** Takes `reasoning_effort` there. */
  readonly isOpenAi: boolean;
  /** Takes `cachePoint` blocks; the others refuse them. */
  readonly caches: boolean;
  /** Can be told to call a tool, or which; the others refuse `any` and `tool`. */
  readonly forcesTools: boolean;
  /** Answers within a JSON schema by itself; for the others it is an instruction. */
  readonly structures: boolean;
}

/** Whose models have no structured output of Bedrock's. */
const UNSTRUCTURED = /\b(?:amazon|meta|cohere|ai21|writer)\./;
/** Anthropic's first with it is 4.5. */
const OLD_CLAUDE = /claude-(?:3|instant|v2|(?:opus|sonnet)-4(?:-1)?-20)/;

/** `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `openai.gpt-oss-120b-1:0`, or an ARN with such a name in it. */
export function bedrockModel(nativeModel: string): BedrockModel {
  const isClaude = nativeModel.includes("claude");
  const isNova = nativeModel.includes("nova");
  return {
    isClaude,
    isNova,
    isOpenAi: nativeModel.includes("openai."),
    caches: isClaude || isNova,
    forcesTools: isClaude || isNova,
    structures: !UNSTRUCTURED.test(nativeModel) && !OLD_CLAUDE.test(nativeModel),
  };
}

/** False for Claude 4.7 and later, which refuse every parameter of sampling. */
export function takesSampling(nativeModel: string, { isClaude }: BedrockModel): boolean {
  return !isClaude || claudeGeneration(nativeModel).samples;
}
