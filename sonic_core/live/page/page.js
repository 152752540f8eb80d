// The live page: one WebRTC connection to the server it came from, a microphone or a file as its sound, a data channel for all the rest.
import { WORDS } from "./words.js";

const $ = (id) => document.getElementById(id);
const video = $("video");
const SETTINGS = ["seed", "emotion", "emotion_strength", "dynamic_scale", "motion_scale"];
const FIGURES = ["latency", "latency_95", "load", "frames", "dropped", "gaps", "waiting"];
const GATHERING_MS = 1500;
const TOO_MANY = 0.2; // of the pictures of a second that are left out
const SETTLING_MS = 150;

let language = navigator.language.startsWith("zh") ? "zh" : "en";
let token = decodeURIComponent(location.hash.slice(1));
let connection, channel, sender;
let source = null; // what speaks: { stop() }
let said = ["connecting"]; // the status, as a word and its values
let beforeStall = said;
let figures = {};
let listening; // AudioContext of files
let chosen = false; // the person has said whether there shall be sound

const word = (name, ...values) => WORDS[language][name].replace(/\{(\d)\}/g, (_, i) => values[i]);
const tell = (message) => channel?.readyState === "open" && channel.send(JSON.stringify(message));

function status(...words) {
  said = words;
  $("status").textContent = word(...words);
}

function wait(why) {
  status(why);
  $("waits").dataset.word = why;
  $("waits").textContent = word(why);
}

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function speakLanguage(name) {
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-Hans" : "en";
  $("language").value = name;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll("[data-word-label]")) one.setAttribute("aria-label", word(one.dataset.wordLabel));
  for (const one of $("recorded").querySelectorAll("button")) one.textContent = word("saved", one.dataset.name);
  showRecording($("record").ariaPressed === "true");
  showFigures();
  status(...said);
}

// --- connection

const headers = () => ({ "Content-Type": "application/json", "Accept-Language": language, ...(token && { Authorization: `Bearer ${token}` }) });

async function ask(path, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: headers(), body: JSON.stringify(body) });
  } catch {
    throw new Error(word("noAnswer"));
  }
  if (response.ok) return response;
  const { message } = await response.json();
  throw Object.assign(new Error(message), { status: response.status });
}

async function connect() {
  $("again").hidden = $("enter").hidden = true;
  complain("");
  wait("connecting");
  try {
    const { iceServers } = await (await ask("config", {})).json();
    connection = new RTCPeerConnection({ iceServers });
    const mine = connection;
    sender = connection.addTransceiver("audio", { direction: "sendrecv" }).sender;
    connection.addTransceiver("video", { direction: "recvonly" });
    channel = connection.createDataChannel("control");
    channel.onmessage = (event) => heard(JSON.parse(event.data));
    channel.onclose = () => mine === connection && lose("lost");
    connection.ontrack = ({ receiver, streams }) => {
      receiver.jitterBufferTarget = 0;
      video.srcObject = streams[0];
    };
    connection.onconnectionstatechange = () => {
      if (mine !== connection) return;
      const { connectionState } = connection;
      if (connectionState === "failed") lose($("speech").disabled ? "noWay" : "lost");
      else if (connectionState === "disconnected") {
        beforeStall = said;
        status("stalled");
      } else if (connectionState === "connected" && said[0] === "stalled") status(...beforeStall);
    };
    await connection.setLocalDescription();
    await gathered(connection);
    const answer = await (await ask("offer", { sdp: connection.localDescription.sdp, language })).json();
    await connection.setRemoteDescription(answer);
  } catch (error) {
    if (error.status === 401) {
      close();
      $("enter").hidden = false;
      $("token").focus();
    } else lose();
    complain(error.message);
  }
}

const gathered = (connection) =>
  new Promise((resolve) => {
    if (connection.iceGatheringState === "complete") resolve();
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, GATHERING_MS);
  });

function close() {
  silence();
  connection?.close();
  connection = channel = undefined;
  figures = {};
  $("slow").hidden = true;
  for (const id of ["speech", "look", "recording"]) $(id).disabled = true;
  $("waits").hidden = false;
  showRecording(false);
}

function lose(why) {
  close();
  wait("notConnected");
  if (why) complain(word(why));
  $("again").hidden = false;
}

function heard(message) {
  if (message.tell === "ready") {
    for (const name of SETTINGS) show(name, message[name]);
    for (const id of ["speech", "look"]) $(id).disabled = false;
    $("recording").disabled = !message.records;
    complain("");
    $("notes").textContent = message.notes.join(" ");
    $("notes").hidden = !message.notes.length;
    status("quiet");
  } else if (message.tell === "stats") {
    const fresh = { frames: message.frames - (figures.frames ?? 0), dropped: message.dropped - (figures.dropped ?? 0) };
    $("slow").hidden = fresh.dropped < TOO_MANY * fresh.frames;
    figures = message;
    showFigures();
    $("length").textContent = message.recorded === null ? "" : `${message.recorded.toFixed(0)} s`;
  } else if (message.tell === "speaking") {
    $("frame").classList.toggle("speaking", message.value);
  } else if (message.tell === "recording") {
    showRecording(message.value);
  } else if (message.tell === "recorded") {
    addRecording(message.name);
    complain(message.repeated ? word("repeated", message.repeated) : "");
  } else if (message.tell === "error") complain(message.message);
}

// --- what speaks

function silence() {
  source?.stop();
  source = null;
  $("microphone").ariaPressed = "false";
  sender?.replaceTrack(null).catch(() => {});
}

async function speak(track, stop) {
  await sender.replaceTrack(track);
  source = { stop };
  complain("");
  tell({ do: "listen" });
}

async function useMicrophone() {
  silence();
  try {
    const deviceId = $("device").value ? { exact: $("device").value } : undefined;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { deviceId, echoCancellation: true, noiseSuppression: true } });
    const [track] = stream.getTracks();
    await speak(track, () => track.stop());
    track.onended = () => stopSpeaking();
    $("microphone").ariaPressed = "true";
    status("listening");
    if (!chosen) hear(false); // a loudspeaker would be heard by the microphone
    await listDevices(track.getSettings().deviceId);
  } catch (error) {
    complain(word("noMicrophone", error.message));
  }
}

async function listDevices(chosen) {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "audioinput");
  $("device").replaceChildren(...devices.map((one, i) => new Option(one.label || `${word("microphone")} ${i + 1}`, one.deviceId)));
  $("device").value = chosen;
  $("device-row").hidden = devices.length < 2;
}

async function playFile(url, name) {
  silence();
  const player = new Audio(url);
  listening ??= new AudioContext();
  await listening.resume();
  const out = listening.createMediaStreamDestination();
  listening.createMediaElementSource(player).connect(out);
  const mine = { stop: () => { player.pause(); if (url.startsWith("blob:")) URL.revokeObjectURL(url); player.removeAttribute("src"); } };
  player.onended = () => {
    if (source !== mine) return;
    tell({ do: "end" });
    silence();
    status("quiet");
  };
  try {
    await speak(out.stream.getAudioTracks()[0], mine.stop);
    source = mine;
    if (!chosen) hear(true);
    await player.play();
    status("playing", name);
  } catch {
    if (source !== mine) return; // stopped before it began
    stopSpeaking();
    complain(word("badFile", name));
  }
}

const openFile = (file) => file && playFile(URL.createObjectURL(file), file.name);

function stopSpeaking() {
  silence();
  tell({ do: "stop" });
  status("stopped");
}

function hear(on) {
  video.muted = !on;
  $("sound").checked = on;
  video.play().catch(() => {});
}

// --- how it looks

const field = (name) => $(name);
const value = (name) => (name === "emotion" ? field(name).value : Number(field(name).value));

function show(name, to) {
  field(name).value = to;
  const output = document.querySelector(`output[for=${name}]`);
  if (output) output.textContent = Number(to).toFixed(2);
}

const waiting = {};
function adjust(name) {
  if (!field(name).checkValidity() || field(name).value === "") return;
  show(name, value(name));
  clearTimeout(waiting[name]);
  waiting[name] = setTimeout(() => tell({ do: "adjust", settings: { [name]: value(name) } }), SETTLING_MS);
}

function showFigures() {
  const rows = FIGURES.filter((name) => name in figures).flatMap((name) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = word(name);
    description.textContent = figures[name] ?? word("noSignal");
    return [term, description];
  });
  $("figures").replaceChildren(...rows);
}

function showRecording(on) {
  $("record").ariaPressed = String(on);
  $("record").firstElementChild.textContent = word(on ? "endRecording" : "record");
  $("red").hidden = !on;
  if (!on) $("length").textContent = "";
}

function addRecording(name) {
  const [item, button] = [document.createElement("li"), document.createElement("button")];
  button.type = "button";
  button.dataset.name = name;
  button.textContent = word("saved", name);
  button.onclick = () => save(name);
  item.append(button);
  $("recorded").append(item);
}

async function save(name) {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await (await ask(`recordings/${encodeURIComponent(name)}`, {})).blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    complain(error.message);
  }
}

// --- what a person does

$("language").onchange = (event) => speakLanguage(event.target.value);
$("again").onclick = connect;
$("enter").onsubmit = (event) => {
  event.preventDefault();
  token = $("token").value;
  connect();
};
$("microphone").onclick = () => ($("microphone").ariaPressed === "true" ? stopSpeaking() : useMicrophone());
$("device").onchange = useMicrophone;
$("choose").onclick = () => $("file").click();
$("file").onchange = () => {
  openFile($("file").files[0]);
  $("file").value = "";
};
$("example").onclick = () => playFile("example.wav", word("example"));
$("stop").onclick = stopSpeaking;
$("sound").onchange = () => {
  chosen = true;
  hear($("sound").checked);
};
for (const name of SETTINGS) field(name).oninput = () => adjust(name);
$("dice").onclick = () => {
  show("seed", Math.floor(Math.random() * 1e6));
  adjust("seed");
};
$("record").onclick = () => tell({ do: $("record").ariaPressed === "true" ? "finish" : "record" });
video.onplaying = () => ($("waits").hidden = true);
video.onresize = () => ($("frame").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`);

document.addEventListener("keydown", (event) => event.key === "Escape" && !$("speech").disabled && stopSpeaking());
let over = 0;
document.addEventListener("dragenter", (event) => { event.preventDefault(); over++; $("frame").classList.add("over"); document.querySelector(".drop").hidden = false; });
document.addEventListener("dragleave", () => { if (--over <= 0) leave(); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  leave();
  if (!$("speech").disabled) openFile(event.dataTransfer.files[0]);
});
function leave() {
  over = 0;
  $("frame").classList.remove("over");
}
addEventListener("pagehide", () => connection?.close());

speakLanguage(language);
connect();
