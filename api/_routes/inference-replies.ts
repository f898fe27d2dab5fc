import * as z from "zod";

/** What the reference says of replies. They are written by lib/protocol; nothing is validated against these. */
const cost = z.number().describe("Charged for this call, in USD");

export const chatCompletion = z
  .looseObject({
    id: z.string().describe("The provider's id where it gave one"),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int(),
        message: z.looseObject({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          tool_calls: z.array(z.looseObject({})).optional(),
        }),
        finish_reason: z.string().nullable(),
      }),
    ),
    usage: z.looseObject({
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      total_tokens: z.int(),
      cost,
    }),
  })
  .describe("A chat completion; streamed, each event holds a `chat.completion.chunk` and the last one is `[DONE]`");

export const messagesReply = z
  .looseObject({
    id: z.string(),
    type: z.literal("message"),
    role: z.literal("assistant"),
    model: z.string(),
    content: z.array(z.looseObject({ type: z.string() })),
    stop_reason: z.string().nullable(),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), cost }),
  })
  .describe("A message; streamed, the events are `message_start` to `message_stop`");

export const responseObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int(),
    status: z.enum(["completed", "incomplete", "failed", "in_progress"]),
    model: z.string(),
    output: z
      .array(z.looseObject({ type: z.string() }))
      .describe("Messages, thoughts and calls of functions, in order"),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int(), cost }).nullable(),
  })
  .describe("A response; streamed, the events are `response.created` to `response.completed`");

export const generateContentReply = z
  .looseObject({
    candidates: z.array(
      z.looseObject({
        content: z.looseObject({ role: z.literal("model"), parts: z.array(z.looseObject({})) }),
        finishReason: z.string().optional(),
        index: z.int(),
      }),
    ),
    usageMetadata: z.looseObject({
      promptTokenCount: z.int(),
      candidatesTokenCount: z.int(),
      totalTokenCount: z.int(),
      cost,
    }),
    modelVersion: z.string(),
    responseId: z.string(),
  })
  .describe("A generateContent response; streamed, a list of them, or with `alt=sse` server-sent events");

export const textCompletion = z
  .looseObject({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({ text: z.string(), index: z.int(), finish_reason: z.string().nullable(), logprobs: z.unknown() }),
    ),
    usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int(), cost }),
  })
  .describe("A completion; streamed, each event holds a piece of it and the last one is `[DONE]`");
