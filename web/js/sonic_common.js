// What several of our scripts need.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { word } from "./sonic_words.js";

const TOLD_LIFE = 20_000; // ms

export function viewUrl({ filename, subfolder = "", type = "input" }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** The node of an execution's id such as "5:9": number 9 inside the subgraph of number 5. */
export function nodeOf(executionId) {
  const path = String(executionId).split(":");
  return path.reduce((graph, id, i) => {
    const node = graph?.getNodeById?.(id) ?? graph?.getNodeById?.(Number(id));
    return i < path.length - 1 ? node?.subgraph : node;
  }, app.rootGraph ?? app.graph);
}

export function removeWidget(node, widget) {
  widget.onRemove?.();
  node.widgets.splice(node.widgets.indexOf(widget), 1);
}

/** Put a file into the input folder; its path there, as loaders name it. */
export async function upload(file) {
  const body = new FormData();
  body.append("image", file); // the field's name for every kind
  const unreached = ({ message }) => ({ ok: false, status: message, statusText: "" });
  const answer = await api.fetchApi("/upload/image", { method: "POST", body }).catch(unreached);
  if (!answer.ok) throw new Error(`${file.name} ${word("notUploaded")}: ${answer.status} ${answer.statusText}`.trim());
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

/** A sentence about a node in the editor's own message; in the console where the editor has none. */
export function tell(node, sentence) {
  const toast = app.extensionManager?.toast;
  if (!toast?.add) return console.warn(`sonic-portrait: ${sentence}`);
  toast.add({ severity: "error", summary: node.title, detail: sentence, life: TOLD_LIFE });
}

/** Let the user choose recordings or videos; what is chosen goes to `take` as an array. */
export function chooseSounds(take, several = false) {
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "audio/*,video/*", multiple: several });
  input.onchange = () => input.files.length && take([...input.files]);
  input.click();
}

export const isSound = ({ type }) => type.startsWith("audio/") || type.startsWith("video/");

/** Do `action` after what `owner` does under this name. */
export function after(owner, name, action) {
  const before = owner[name];
  owner[name] = function (...args) {
    const result = before?.apply(this, args);
    action();
    return result;
  };
}
