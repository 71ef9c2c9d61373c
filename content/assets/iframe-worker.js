// Browsers refuse web workers to pages opened by double-click (file://), and the search runs in one.
// There, run it in a hidden frame instead: the same messages, another place. A worker that a page wrote itself may run.
if (location.protocol === "file:") {
  const Native = window.Worker;
  window.Worker = class extends EventTarget {
    constructor(url) {
      if (String(url).startsWith("blob:")) return new Native(url);
      super();
      this.queue = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.setAttribute("aria-hidden", "true");
      this.frame.title = "Recherche";
      const address = new URL(url, location.href).href;
      // importScripts() loads one after the other; what it returns may be awaited.
      this.frame.srcdoc = `<script>
        function importScripts(...urls) {
          return urls.reduce((before, url) => before.then(() => new Promise((loaded, failed) => {
            const script = document.createElement("script");
            Object.assign(script, { src: new URL(url, "${address}"), onload: loaded, onerror: failed });
            document.head.append(script);
          })), Promise.resolve());
        }
        postMessage = (data) => parent.dispatchEvent(
          new MessageEvent("tp-worker", { data, source: window }));
      <\/script><script src="${address}"><\/script>`;
      addEventListener("tp-worker", (event) => {
        if (event.source !== this.frame.contentWindow) return;
        const message = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      });
      this.frame.addEventListener("load", () => {
        this.ready = true;
        this.queue.splice(0).forEach((data) => this.deliver(data));
      });
      document.body.append(this.frame);
    }
    deliver(data) {
      const inner = this.frame.contentWindow;
      inner.dispatchEvent(new inner.MessageEvent("message", { data }));
    }
    postMessage(data) {
      if (this.ready) this.deliver(data);
      else this.queue.push(data);
    }
    terminate() {
      this.frame.remove();
    }
  };
}
