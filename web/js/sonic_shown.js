// What a Sonic node shows of its last run: a video that plays, the report as text, the sentence of an error; all of it again after a reload.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { nodeOf, removeWidget, tell } from "./sonic_common.js";
import { clearOutside, playOutside } from "./sonic_outside.js";
import { word } from "./sonic_words.js";

const TEXT = "sonic_report";
const VIDEO_WAIT = { every: 150, times: 60 }; // ms
const PROGRESS = "$$node-text-preview"; // the line of a running node, which the editor leaves standing
const PREVIEWS = ["video-preview", "$$canvas-image-preview", PROGRESS];

const isOurs = (node) => node?.constructor.comfyClass?.startsWith("Sonic");

// --- Text ----------------------------------------------------------------------------------------------------------

const FONT = "12px sans-serif";
const LINE = 17, PADDING = 10, MOST = 280, BESIDE = 44; // px: of a line, around the text, of the whole, of node and frame beside it
const STYLE = {
  font: FONT, lineHeight: `${LINE}px`, padding: `${PADDING / 2}px 8px`, boxSizing: "border-box", borderRadius: "4px",
  whiteSpace: "pre-wrap", overflowWrap: "anywhere", overflowY: "auto", userSelect: "text", cursor: "text",
  color: "var(--input-text)", background: "var(--comfy-input-bg)",
};
const ruler = document.createElement("canvas").getContext("2d");

function textHeight(text, width) {
  ruler.font = FONT;
  const room = Math.max(80, width - BESIDE);
  const lines = text.split("\n").map((line) => Math.max(1, Math.ceil((ruler.measureText(line).width * 1.08) / room)));
  return Math.min(MOST, PADDING + LINE * lines.reduce((sum, count) => sum + count, 0));
}

/** A text of its own height: the editor's own field would take all the room of the preview below. */
function textWidget(node) {
  const element = Object.assign(document.createElement("div"), { className: "sonic-report" });
  Object.assign(element.style, STYLE);
  element.addEventListener("wheel", (event) => {
    if (element.scrollHeight > element.clientHeight) event.stopPropagation();
    else app.canvas.processMouseWheel?.(event);
  });
  let text = "";
  const options = { serialize: false, hideOnZoom: false, getValue: () => text, setValue: (value) => show(value) };
  const widget = node.addDOMWidget(TEXT, "sonic_text", element, options);
  const show = (value) => {
    text = element.textContent = value;
    element.style.height = element.style.maxHeight = `${textHeight(text, node.size[0])}px`;
  };
  widget.label = word("report");
  widget.serialize = false; // in the workflow; the option says it of the prompt
  widget.computeLayoutSize = undefined;
  widget.computeSize = (width) => [0, textHeight(text, width ?? node.size[0])];
  return widget;
}

function showText(node, text) {
  const widget = node.widgets?.find((item) => item.name === TEXT);
  if (!text) return widget && removeWidget(node, widget);
  (widget ?? textWidget(node)).value = text;
  fit(node);
}

/** The node as high as what it shows. */
function fit(node) {
  const least = node.computeSize();
  if (node.size[1] < least[1]) node.setSize([node.size[0], least[1]]);
  node.setDirtyCanvas?.(true, true);
}

// --- Video ---------------------------------------------------------------------------------------------------------

/** Muted, as browsers want it; the first click brings the sound.  The editor may put another player in place of the first, and shows
 * a node inside a subgraph on the subgraph's node as well. */
function play(node, file, left = VIDEO_WAIT.times) {
  const name = `filename=${encodeURIComponent(file)}`;
  for (const video of document.querySelectorAll("video"))
    if (video.src.includes(name) && video.dataset.sonic !== video.src) start(video, node);
  if (left) setTimeout(() => play(node, file, left - 1), VIDEO_WAIT.every);
}

function start(video, node) {
  const known = video.dataset.sonic; // Nodes 2.0 gives the next address to the same player, which then stands still
  video.dataset.sonic = video.src;
  video.loop = true;
  if (!known) video.muted = true;
  for (const turn of [1, 3, 10]) setTimeout(() => node.setDirtyCanvas?.(true, true), turn * VIDEO_WAIT.every); // frame of a grown node
  video.play().catch(() => {}); // a browser that does not let it shows its play button
  if (known) return;
  video.addEventListener("click", (event) => {
    if (!video.muted) return;
    event.preventDefault();
    video.muted = false;
    requestAnimationFrame(() => video.play());
  });
}

// --- What a run showed, kept for the next load of this page -------------------------------------------------------

const storeKey = () => `sonic-portrait.shown.${(app.rootGraph ?? app.graph)?.id ?? ""}`;

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(storeKey()) ?? "{}");
  } catch {
    return {};
  }
}

function keep(id, output) {
  const all = kept();
  if (output) all[id] = output;
  else delete all[id];
  try {
    sessionStorage.setItem(storeKey(), JSON.stringify(all));
  } catch {} // a full store: the preview comes back with the next run
}

async function isThere({ filename, subfolder = "", type }) {
  const url = api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
  return (await fetch(url, { method: "HEAD" })).ok;
}

async function restore() {
  await Promise.all(Object.entries(kept()).map(([id, output]) => restoreNode(id, output)));
}

async function restoreNode(id, output) {
  if (!isOurs(nodeOf(id))) return;
  const files = await Promise.all((output.images ?? []).map(isThere));
  if (!files.every(Boolean)) return keep(id, null);
  const detail = { node: id, display_node: id, output, prompt_id: null };
  if (api.dispatchCustomEvent) api.dispatchCustomEvent("executed", detail);
  else api.dispatchEvent(new CustomEvent("executed", { detail }));
}

// --- Errors --------------------------------------------------------------------------------------------------------

const TOLD_WAIT = 600; // ms
const stale = new WeakSet(); // nodes that failed, or follow one that did, until they run again

function removeAll(node, names) {
  for (const widget of node.widgets?.filter((item) => names.includes(item.name)) ?? []) removeWidget(node, widget);
}

/** A preview that was still being loaded comes after the error: it is looked for again. */
function removePreviews(node, left = VIDEO_WAIT.times) {
  if (!stale.has(node)) return;
  node.imgs = node.images = node.animatedImages = node.videoContainer = undefined;
  removeAll(node, PREVIEWS);
  if (left) setTimeout(() => removePreviews(node, left - 1), VIDEO_WAIT.every);
}

function clear(node) {
  const id = String(node.id);
  keep(id, null);
  if (app.nodeOutputs) delete app.nodeOutputs[id];
  stale.add(node);
  removePreviews(node);
  showText(node, "");
}

/** A node and all whose inputs come from it. */
function withFollowers(node, seen = new Set()) {
  if (!node || seen.has(node)) return seen;
  seen.add(node);
  for (const output of node.outputs ?? [])
    for (const id of output.links ?? []) {
      const link = node.graph?.links?.get?.(id) ?? node.graph?.links?.[id];
      withFollowers(link && node.graph.getNodeById(link.target_id), seen);
    }
  return seen;
}

function failed({ detail }) {
  const node = nodeOf(detail.node_id);
  for (const follower of withFollowers(node)) if (isOurs(follower)) clear(follower);
  clearOutside(String(detail.node_id));
  const message = detail.exception_message?.trim();
  if (!isOurs(node) || !message) return;
  showText(node, message);
  setTimeout(() => tellUnlessTold(node, message), TOLD_WAIT);
}

/** Editors of 2025 show an error's message in a window; newer ones say only that a node threw an error. */
function tellUnlessTold(node, message) {
  const [sentence] = message.split("\n");
  const windows = [...document.querySelectorAll("[role=dialog]")];
  if (windows.some((shown) => shown.textContent.includes(sentence))) return;
  tell(node, sentence);
}

app.registerExtension({
  name: "sonic-portrait.shown",

  setup() {
    api.addEventListener("execution_error", failed);
    api.addEventListener("executing", ({ detail }) => {
      const node = detail && nodeOf(detail.display_node ?? detail.node ?? detail);
      if (node) stale.delete(node);
    });
    api.addEventListener("executed", ({ detail }) => {
      const node = nodeOf(detail.display_node ?? detail.node);
      if (!isOurs(node)) return;
      stale.delete(node);
      removeAll(node, [PROGRESS]);
      if (!detail.output) return;
      keep(String(detail.display_node ?? detail.node), detail.output);
      showText(node, (detail.output.text ?? []).join("\n"));
      const [item] = detail.output.images ?? [];
      if (!item || !detail.output.animated?.[0]) return;
      playOutside(String(detail.display_node ?? detail.node), item);
      play(node, item.filename);
    });
  },

  afterConfigureGraph() {
    restore();
  },
});
