import { readIdempotency } from "../../lib/inference/idempotency-key.ts";
import { runTask } from "../../lib/inference/task-pipeline.ts";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { readFormEvents } from "../../lib/protocol/multipart/form-events.ts";
import { UploadForm } from "../../lib/protocol/multipart/upload-form.ts";
import { embeddingsRequest, parseEmbeddings } from "../../lib/protocol/tasks/embeddings.ts";
import { imageEditFields, imagesRequest, parseImageEdit, parseImages } from "../../lib/protocol/tasks/images.ts";
import { moderationsRequest, parseModerations } from "../../lib/protocol/tasks/moderations.ts";
import { parseRerank, rerankRequest } from "../../lib/protocol/tasks/rerank.ts";
import { parseSpeech, speechRequest } from "../../lib/protocol/tasks/speech.ts";
import type { ParsedTask, TaskFormat } from "../../lib/protocol/tasks/task.ts";
import {
  parseTranscription,
  transcriptionFields,
  transcriptionFormat,
  translationFormat,
} from "../../lib/protocol/tasks/transcription.ts";
import { readCredential } from "../_http/credential.ts";
import { openUpload } from "../_http/read-body.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { readInferenceInput } from "./inference-input.ts";
import { embeddingsReply, imagesReply, moderationsReply, rerankReply, transcriptionReply } from "./task-replies.ts";

const MEBIBYTE = 1024 * 1024;
/** For the fields beside the files, and what stands between them. */
const FORM_BYTES = 64 * 1024;
/** As OpenAI has it (spec facts, section 11). */
const MAX_AUDIO_FORM_BYTES = 25 * MEBIBYTE + FORM_BYTES;
/** All images of an edit together. */
const MAX_IMAGES_FORM_BYTES = 50 * MEBIBYTE + FORM_BYTES;

/** The pipeline enforces the policy of these routes. */
async function run(
  exchange: Exchange,
  credential: string,
  namedModel: unknown,
  parse: () => ParsedTask | Promise<ParsedTask>,
): Promise<Response> {
  const { gateway, ports, request, requestId } = exchange;
  const idempotency = readIdempotency(request.headers);
  const call = { credential, namedModel, parse, requestId, idempotency, signal: request.signal };
  const reply = await runTask(gateway, ports, call);
  return exchange.send({ ...reply, headers: { "x-request-id": requestId, ...reply.headers } });
}

function jsonTask(parse: (body: JsonObject, text: string) => ParsedTask): Route["handle"] {
  return async (exchange) => {
    const { credential, text, body } = await readInferenceInput(exchange);
    return run(exchange, credential, body["model"], () => parse(body, text));
  };
}

/** An upload is not read before its caller is known, and then no further than `parse` must see. */
function formTask(
  maxBytes: number,
  parse: (form: UploadForm, mostBytes: number) => Promise<ParsedTask>,
): Route["handle"] {
  return (exchange) => {
    const { ports, request } = exchange;
    return run(exchange, readCredential(request.headers), null, () => {
      const { contentType, bytes, mostBytes } = openUpload(request, ports.clock, maxBytes);
      return parse(new UploadForm(readFormEvents(bytes, contentType)), mostBytes);
    });
  };
}

/** The rest of the recording is passed on as it arrives, if the model's name came before it. */
function transcription(format: TaskFormat): Route["handle"] {
  return formTask(MAX_AUDIO_FORM_BYTES, async (form, mostBytes) => {
    await form.readUntil(({ files }) => files.length > 0 && form.field("model") !== undefined);
    return parseTranscription(format, form, mostBytes);
  });
}

const imageEdit = formTask(MAX_IMAGES_FORM_BYTES, async (form) => {
  await form.readUntil(() => false);
  return parseImageEdit(form);
});

const AUDIO_FILE = {
  name: "file",
  description: "The recording, up to 25 MB: flac, m4a, mp3, mp4, mpeg, mpga, ogg, wav or webm",
  required: true,
};

export const TASK_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/embeddings",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Embeddings, in OpenAI's format",
      description: "Up to 2,048 inputs. The encoding that is asked for is given whatever the provider sends.",
      body: embeddingsRequest,
      reply: embeddingsReply,
      exampleBody: { model: "openai/text-embedding-3-small", input: ["first text", "second text"] },
    },
    handle: jsonTask(parseEmbeddings),
  },
  {
    method: "POST",
    path: "/v1/moderations",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Moderation, in OpenAI's format",
      description: "Costs nothing.",
      body: moderationsRequest,
      reply: moderationsReply,
      exampleBody: { input: "Is this fine to say?" },
    },
    handle: jsonTask(parseModerations),
  },
  {
    method: "POST",
    path: "/v1/rerank",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Documents in order of their relevance, in Cohere's format",
      description: "Up to 1,000 documents. Jina, Together and Fireworks speak the same format.",
      body: rerankRequest,
      reply: rerankReply,
      exampleBody: {
        model: "salesforce/llama-rank-v1",
        query: "capital of France",
        documents: ["Paris", "Rome"],
        top_n: 1,
      },
    },
    handle: jsonTask(parseRerank),
  },
  {
    method: "POST",
    path: "/v1/images/generations",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Images from a text, in OpenAI's format",
      description:
        "Priced by size and quality, or by tokens where the model is. Streams partial images when `stream` is true and the model can.",
      body: imagesRequest,
      reply: imagesReply,
      alsoReplies: "text/event-stream",
      exampleBody: { model: "openai/gpt-image-1-mini", prompt: "A gangway between two ships", size: "1024x1024" },
    },
    handle: jsonTask(parseImages),
  },
  {
    method: "POST",
    path: "/v1/images/edits",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Images from images and a text, in OpenAI's format",
      description: "Up to 50 MB in all.",
      body: imageEditFields,
      files: [
        { name: "image", description: "The image; `image[]` for several", required: true },
        { name: "mask", description: "Where it may be changed", required: false },
      ],
      reply: imagesReply,
      alsoReplies: "text/event-stream",
    },
    handle: imageEdit,
  },
  {
    method: "POST",
    path: "/v1/audio/transcriptions",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "A recording as text, in OpenAI's format",
      description:
        "Priced by the reported duration or tokens; where none is reported, by the file's size. A form with `model` before `file` is passed on as it arrives.",
      body: transcriptionFields,
      files: [AUDIO_FILE],
      reply: transcriptionReply,
      alsoReplies: "text/event-stream",
    },
    handle: transcription(transcriptionFormat),
  },
  {
    method: "POST",
    path: "/v1/audio/translations",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "A recording as English text, in OpenAI's format",
      body: transcriptionFields,
      files: [AUDIO_FILE],
      reply: transcriptionReply,
    },
    handle: transcription(translationFormat),
  },
  {
    method: "POST",
    path: "/v1/audio/speech",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "A text as speech, in OpenAI's format",
      description: "The recording is passed on as it comes. With `stream_format` sse it comes in events.",
      body: speechRequest,
      reply: "audio/mpeg",
      exampleBody: { model: "openai/tts-1", input: "Welcome aboard.", voice: "alloy" },
    },
    handle: jsonTask(parseSpeech),
  },
];
