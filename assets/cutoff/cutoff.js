// A slider over cuts that the browser already knows, so that the strip and the numbers follow it without the server.
// The server is told where the slider stands when a key has rested for a moment, or the pointer is let go.

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  // Streamlit makes the elements anew when the markup changes.
  if (!views.get(parentElement)?.input.isConnected) views.set(parentElement, new View(parentElement, data.turn));
  const view = views.get(parentElement);
  view.show(data, setStateValue);
  return () => clearTimeout(view.waiting);
}

class View {
  constructor(parent, turn) {
    const part = (selector) => parent.querySelector(selector);
    this.slide = part(".slide");
    this.label = part("label");
    this.output = part("output");
    this.input = part("input");
    this.marks = part(".marks");
    this.help = part("#help");
    this.strip = part(".strip");
    this.legend = part(".legend");
    this.readings = part(".readings");
    this.turn = turn; // of the last place that was sent
    this.waiting = null;
    this.held = false;
    this.drawn = ""; // the readings, so that the same ones are not read out again
    this.input.addEventListener("input", () => this.moved());
    this.input.addEventListener("pointerdown", () => (this.held = true));
    this.input.addEventListener("change", () => this.held && this.letGo());
    for (const left of ["pointerup", "pointercancel", "blur"]) this.input.addEventListener(left, () => this.letGo());
  }

  show(data, send) {
    this.data = data;
    this.send = send;
    const colours = { kept: data.colours[0], removed: data.colours[1], protected: data.colours[2], outline: data.outline };
    for (const [name, colour] of Object.entries(colours)) this.strip.parentElement.style.setProperty(`--${name}`, colour);
    this.slide.hidden = data.cuts.length < 2;
    this.label.textContent = data.label;
    this.help.textContent = data.help;
    this.input.max = data.cuts.length - 1;
    this.marks.replaceChildren(...data.readings.map((reading) => made("i", reading ? "known" : "")));
    // What the server answers to an earlier place must not pull the slider back.
    if (data.turn >= this.turn && this.waiting === null && !this.held) this.input.value = data.at;
    this.turn = Math.max(this.turn, data.turn);
    this.draw();
  }

  moved() {
    this.draw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.held || this.tell(), this.data.rest);
  }

  letGo() {
    this.held = false;
    if (this.waiting !== null) this.tell();
  }

  tell() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.turn += 1;
    this.send("moved", { removed: this.data.cuts[this.at()].length, turn: this.turn });
  }

  at() {
    return Math.min(Number(this.input.value), this.data.cuts.length - 1);
  }

  draw() {
    const { blocks, cuts, readings, unknown } = this.data;
    const at = this.at();
    const kinds = this.kinds(cuts[at]);
    const said = `${cuts[at].length} of ${blocks} blocks (${Math.round((100 * cuts[at].length) / blocks)}\u202f%)`;
    this.output.textContent = said;
    this.input.setAttribute("aria-valuetext", said);
    this.strip.replaceChildren(
      ...kinds.map((kind, block) => {
        const box = made("span", kind, block);
        box.title = `block ${block}: ${kind}`;
        return box;
      }),
    );
    this.strip.setAttribute("aria-label", `Blocks removed: ${cuts[at].join(", ") || "none"}; all others are kept.`);
    this.legend.replaceChildren(...this.keys(kinds));
    const words = JSON.stringify(readings[at] ?? unknown);
    if (words === this.drawn) return;
    this.readings.replaceChildren(...(readings[at]?.map(box) ?? [made("div", "unknown", unknown)]));
    this.drawn = words;
  }

  kinds(removed) {
    const kinds = Array(this.data.blocks).fill("kept");
    for (const block of this.data.protected) kinds[block] = "protected";
    for (const block of removed) kinds[block] = "removed";
    return kinds;
  }

  keys(kinds) {
    const keys = ["kept", "removed", "protected"]
      .map((kind) => [kind, kinds.filter((each) => each === kind).length])
      .filter(([, count]) => count)
      .map(([kind, count]) => key(made("b", kind), `${kind} (${count})`));
    const known = this.data.cuts.length > 1 && this.data.readings.some(Boolean);
    return known ? [...keys, key(made("i", "dot"), "cutoff already evaluated")] : keys;
  }
}

function made(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function key(sample, words) {
  const whole = document.createElement("span");
  whole.append(sample, words);
  return whole;
}

function box({ label, value, note }) {
  const whole = made("div", "reading", label);
  whole.append(made("strong", "", value), made("small", "", note));
  return whole;
}
