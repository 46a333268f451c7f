// Answers requests, a JSON object a line, with what the platform's own JavaScript package makes of them.
//
//   {"parse": MESSAGE}   -> {"kind": ..., "result": {...}} or {"error": "..."}
//   {"audio": BASE64}    -> {"message": what the package would send}
//   {"stop": true}       -> likewise
import { createInterface } from "node:readline";
import {
  StreamingData,
  createOutboundAudioData,
  createOutboundStopAudioData,
} from "@azure/communication-call-automation";

function answer(request) {
  if (request.parse === undefined) {
    return { message: request.stop ? createOutboundStopAudioData() : createOutboundAudioData(request.audio) };
  }
  try {
    const result = StreamingData.parse(request.parse);
    return { kind: StreamingData.getStreamingKind(), result };
  } catch (error) {
    return { error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
