// A program of the generator's engine, in WebAssembly: scores of an image, and gradients back to its pixels.
// It is a classic script, since a page that is opened from a folder may load no other; a worker gets it as text.

/**
 * @param {BufferSource} kernels - kernels.c, compiled.
 * @param {object} program - as generator/report/live.py writes it.
 * @param {ArrayBuffer} weights - the bytes that its arrays are places in.
 * @returns {{bytes: number, layers: object[], scores: function, gradient: function, excite: function}}
 * @throws {Error} an operation is not known, or there is not enough memory.
 */
function tpEngine(kernels, program, weights) {
  const { shapes, operations, arrays, output } = program;
  const STACK = 131072; // bytes below all else, for the kernels' own use
  const NO_BOUNDS = [-Infinity, Infinity];
  const upTo = (multiple, count) => Math.ceil(count / multiple) * multiple;
  const pitch = (value) => upTo(4, shapes[value][2]);
  const pixels = (value) => shapes[value][0] * shapes[value][1];
  const area = (value) => pixels(value) * pitch(value);
  const taps = ({ kernel }) => kernel[0] * kernel[1];
  const bounds = ({ limits }) => [limits[0] ?? -Infinity, limits[1] ?? Infinity];
  const isBounded = ({ limits }) => limits[0] !== null || limits[1] !== null;
  const same = (pair, number) => pair[0] === number && pair[1] === number;
  const isDepthwise = ({ kind, groups, inputs, output: to }) =>
    kind === "conv" && groups > 1 && groups === shapes[inputs[0]][2] && groups === shapes[to][2];
  // One pixel of the result needs one of the image: a product of matrices as they lie.
  const isPlain = ({ kernel, stride, padding, groups }) =>
    groups === 1 && same(kernel, 1) && same(stride, 1) && same(padding, 0);
  const isQuick = ({ kernel, stride, dilation }) => kernel[0] === kernel[1] && stride[0] === stride[1] &&
    same(dilation, 1) && [3, 5].includes(kernel[0]) && [1, 2].includes(stride[0]);
  const window = ({ kernel, stride, dilation, padding }) => [...kernel, ...stride, ...dilation, ...padding];
  const channelsOf = ({ groups, inputs }, part) => shapes[inputs[part]][2] / groups;
  // Channels that a gathered window has at each place: of all, those that fill up too.
  const widthOf = (operation, part) => (operation.groups === 1 ? pitch(operation.inputs[part]) : channelsOf(operation, part));
  const rowsOf = ({ groups, output: to }) => shapes[to][2] / groups;

  // Where everything lies, in bytes: weights as the kernels want them, values, gradients, room to work in. ----

  let end = STACK;
  const size = (count) => (upTo(8, count) + 8) * 4; // loops over eight may go on past the last one
  const take = (count) => (end += size(count)) - size(count);
  const laid = operations.map((operation) => {
    if (operation.kind !== "conv") return null;
    if (isDepthwise(operation)) {
      const count = taps(operation) * pitch(operation.output);
      const turned = isQuick(operation) && operation.stride[0] === 1;
      return { bias: take(pitch(operation.output)), there: take(count), turned: turned && take(count) };
    }
    const rows = rowsOf(operation), depth = operation.groups === 1 ? pitch(operation.output) : rows;
    const parts = operation.inputs.map((_, part) => {
      const columns = taps(operation) * widthOf(operation, part);
      return Array.from({ length: operation.groups }, () => ({
        columns,
        there: take(upTo(8, rows) * columns),
        back: take(upTo(8, columns) * depth),
      }));
    });
    return { bias: take(upTo(8, shapes[operation.output][2]) + 8 * operation.groups), depth, parts };
  });
  const values = shapes.map((_, value) => take(area(value)));
  // A line of windows, there and back; the gradient of a depthwise convolution that another was there before.
  const room = take(Math.max(...operations.map((operation, at) => {
    if (operation.kind !== "conv") return 0;
    if (isDepthwise(operation)) return area(operation.inputs[0]);
    const widest = Math.max(...laid[at].parts.map(([{ columns }]) => upTo(8, columns)));
    return isPlain(operation) ? 0 : widest * shapes[operation.output][1];
  })));
  const widest = Math.max(...shapes.map((_, value) => pitch(value)));
  const [zeros, sink] = [take(widest), take(widest)];

  // Gradients are needed for a short while each: they share their places.
  const free = []; // [from, to], in order
  const borrow = (bytes) => {
    const hole = free.find(([from, to]) => to - from >= bytes);
    if (!hole) return (end += bytes) - bytes;
    return (hole[0] += bytes) - bytes;
  };
  const giveBack = (from, bytes) => {
    free.push([from, from + bytes]);
    free.sort((a, b) => a[0] - b[0]);
    for (let i = free.length - 1; i > 0; i--) {
      if (free[i - 1][1] === free[i][0]) free[i - 1][1] = free.splice(i, 1)[0][1];
    }
  };
  const gradients = shapes.map(() => null);
  gradients[output] = borrow(size(area(output)));
  /** The way back from an operation: what hands gradients on, and for each of its inputs whether one is there before. */
  const wayFrom = (last) => {
    const reached = new Set([operations[last].output]), way = [];
    for (let at = last; at >= 0; at--) {
      const { inputs, output: from } = operations[at];
      if (!reached.has(from)) continue; // nothing that counts reads it
      way.push([at, inputs.map((value) => reached.has(value) || !reached.add(value))]);
    }
    return way;
  };
  const whole = wayFrom(operations.findLastIndex((operation) => operation.output === output));
  for (const [at] of whole) {
    const { inputs, output: from } = operations[at];
    for (const value of inputs) gradients[value] ??= borrow(size(area(value)));
    giveBack(gradients[from], size(area(from)));
  }
  const arrayBytes = Math.max(...arrays.map(({ count }) => size(count)));
  const small = end + arrayBytes, scales = small + arrayBytes, wide = scales + arrayBytes;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((wide + arrayBytes) / 65536) });
  const { exports: run } = new WebAssembly.Instance(new WebAssembly.Module(kernels), { env: { memory } });
  if (run.__heap_base.value > STACK) throw new Error("the kernels need more room than they are given");
  const floats = (at, count) => new Float32Array(memory.buffer, at, count);

  // Weights ----

  /** Put the float32 values of an array at a place. */
  const expand = (number, to) => {
    const { at, count, rows, scale } = arrays[number];
    if (scale === undefined) return floats(to, count).set(new Float32Array(weights, at, count));
    new Int16Array(memory.buffer, small, count).set(new Int16Array(weights, at, count));
    floats(scales, rows).set(new Float32Array(weights, scale, rows));
    run.expand(small, scales, to, rows, count / rows);
  };
  operations.forEach((operation, at) => {
    const place = laid[at];
    if (!place) return;
    const rows = rowsOf(operation), count = taps(operation);
    if (place.parts && operation.groups > 1) {
      // Each group's begins where loops over eight may read.
      expand(operation.bias, wide);
      for (let group = 0; group < operation.groups; group++) {
        floats(place.bias + 4 * group * upTo(8, rows), rows).set(floats(wide + 4 * group * rows, rows));
      }
    } else {
      expand(operation.bias, place.bias);
    }
    operation.weights.forEach((array, part) => {
      expand(array, wide);
      if (!place.parts) {
        const to = pitch(operation.output);
        run.spread(wide, place.there, rows * operation.groups, count, to, 0);
        if (place.turned) run.spread(wide, place.turned, rows * operation.groups, count, to, 1);
        return;
      }
      const channels = channelsOf(operation, part), filled = widthOf(operation, part);
      place.parts[part].forEach(({ there, back }, group) => {
        const from = wide + 4 * group * rows * count * channels;
        run.pack(from, there, rows, count, channels, filled);
        run.pack_back(from, back, rows, count, channels, filled, place.depth);
      });
    });
  });
  floats(zeros, widest).fill(0);

  // There, and back. ----

  /** Each part of a convolution and each of its groups: input, first channels in bytes, what is laid out. */
  const eachProduct = (operation, place, act) => place.parts.forEach((groups, part) => groups.forEach((laidOut, group) => {
    const filled = widthOf(operation, part);
    act({
      part, ...laidOut, filled, value: operation.inputs[part],
      bias: place.bias + 4 * group * upTo(8, rowsOf(operation)),
      from: 4 * group * filled, to: 4 * group * rowsOf(operation),
      rows: operation.groups === 1 ? pitch(operation.output) : rowsOf(operation),
    });
  }));
  const line = (operation, value, filled, number) => {
    const [height, width] = shapes[value], { kernel, stride, dilation, padding } = operation;
    return [height, width, pitch(value), filled, ...kernel, stride[1], ...dilation,
      padding[0] - number * stride[0], padding[1], shapes[operation.output][1]];
  };
  const there = {
    conv(operation, place) {
      const { output: result } = operation, [high, across] = shapes[result];
      const image = values[operation.inputs[0]], [height, width] = shapes[operation.inputs[0]];
      if (isDepthwise(operation)) {
        const first = [image, height, width, pitch(result), place.there, place.bias, values[result], high, across];
        if (!isQuick(operation)) return run.depthwise_any(...first, ...window(operation), ...bounds(operation));
        const { kernel, stride, padding } = operation;
        return run.depthwise(...first, kernel[0], stride[0], ...padding, zeros, sink, ...bounds(operation));
      }
      const last = operation.inputs.length - 1;
      eachProduct(operation, place, ({ part, value, bias, from, to, rows, columns, filled, there: packed }) => {
        const finish = part === last ? bounds(operation) : NO_BOUNDS, start = [part ? 0 : bias, part ? 1 : 0];
        const multiply = (count, left, leftPitch, target) =>
          run.multiply(count, rows, columns, left, leftPitch, packed, start[0], target, pitch(result), start[1], ...finish);
        if (isPlain(operation)) return multiply(pixels(value), values[value], columns, values[result]);
        for (let number = 0; number < high; number++) {
          run.gather(values[value] + from, ...line(operation, value, filled, number), room);
          multiply(across, room, columns, values[result] + to + 4 * number * across * pitch(result));
        }
      });
    },
    add: ({ inputs: [a, b], output: to, ...operation }) =>
      run.add(values[a], values[b], values[to], area(to), ...bounds(operation)),
    clip: ({ inputs: [from], output: to, ...operation }) =>
      run.clip(values[from], values[to], area(to), ...bounds(operation)),
    concat({ inputs, output: to }) {
      let first = 0;
      for (const value of inputs) {
        run.move(values[value], pitch(value), values[to] + 4 * first, pitch(to), shapes[value][2], pixels(to), 0);
        first += shapes[value][2];
      }
    },
    maxpool({ inputs: [from], output: to, ...operation }) {
      const [height, width] = shapes[from], [high, across] = shapes[to];
      run.maxpool(values[from], height, width, pitch(from), values[to], high, across, ...window(operation));
    },
  };
  const clear = (value) => floats(gradients[value], area(value)).fill(0);
  const back = {
    conv(operation, place, before) {
      const { output: result } = operation, gradient = gradients[result], [high, across] = shapes[result];
      if (isDepthwise(operation)) {
        const [value] = operation.inputs, [height, width] = shapes[value], to = gradients[value];
        if (!place.turned) {
          if (!before[0]) clear(value);
          const image = [gradient, high, across, pitch(value), place.there, to, height, width];
          return run.depthwise_back(...image, ...window(operation));
        }
        const { kernel: [side], padding: [top, left] } = operation, found = before[0] ? room : to;
        run.depthwise(gradient, high, across, pitch(value), place.turned, 0, found, height, width, side, 1,
          side - 1 - top, side - 1 - left, zeros, sink, ...NO_BOUNDS);
        if (before[0]) run.add(room, to, to, area(value), ...NO_BOUNDS);
        return undefined;
      }
      if (!isPlain(operation)) operation.inputs.forEach((value, part) => before[part] || clear(value));
      eachProduct(operation, place, ({ part, value, from, to, columns, filled, back: packed }) => {
        const image = gradients[value];
        const multiply = (count, left, target, filledUp, onto) => run.multiply(count, filledUp, place.depth,
          left + to, pitch(result), packed, 0, target, filledUp, onto, ...NO_BOUNDS);
        if (isPlain(operation)) return multiply(pixels(value), gradient, image, columns, before[part] ? 1 : 0);
        const filledUp = upTo(8, columns);
        for (let number = 0; number < high; number++) {
          multiply(across, gradient + 4 * number * across * pitch(result), room, filledUp, 0);
          run.scatter(image + from, ...line(operation, value, filled, number), room, filledUp);
        }
      });
      return undefined;
    },
    add({ inputs, output: from }, _, before) {
      inputs.forEach((value, at) => hand(value, gradients[from], pitch(from), before[at]));
    },
    clip({ inputs: [value], output: from }, _, before) {
      hand(value, gradients[from], pitch(from), before[0]);
    },
    concat({ inputs, output: from }, _, before) {
      let first = 0;
      inputs.forEach((value, at) => {
        hand(value, gradients[from] + 4 * first, pitch(from), before[at]);
        first += shapes[value][2];
      });
    },
    maxpool({ inputs: [value], output: from, ...operation }, _, before) {
      const [height, width] = shapes[value], [high, across] = shapes[from];
      if (!before[0]) clear(value);
      run.maxpool_back(values[value], values[from], gradients[from], height, width, pitch(value), gradients[value],
        high, across, ...window(operation));
    },
  };
  /** Hand a gradient on to a value, onto what is there. */
  const hand = (value, from, fromPitch, before) =>
    run.move(from, fromPitch, gradients[value], pitch(value), shapes[value][2], pixels(value), before ? 1 : 0);
  for (const { kind } of operations) if (!there[kind]) throw new Error(`an operation is not known: ${kind}`);

  const [, , channels] = shapes[0];
  const enter = (image) => {
    const to = floats(values[0], area(0)), filled = pitch(0);
    for (let pixel = 0, at = 0; pixel < pixels(0); pixel++) {
      for (let channel = 0; channel < channels; channel++) to[pixel * filled + channel] = image[at++];
    }
  };
  /** Gradient of what the first operation on the way back was given one for, in the order of an image's values. */
  const leave = (way, unbounded = null) => {
    for (const [at, before] of way) {
      const operation = operations[at], from = operation.output;
      if (at !== unbounded && isBounded(operation)) run.mask(gradients[from], values[from], area(from), ...bounds(operation));
      back[operation.kind](operation, laid[at], before);
    }
    const found = floats(gradients[0], area(0)), filled = pitch(0), gradient = new Float32Array(pixels(0) * channels);
    for (let pixel = 0, to = 0; pixel < pixels(0); pixel++) {
      for (let channel = 0; channel < channels; channel++) gradient[to++] = found[pixel * filled + channel];
    }
    return gradient;
  };
  return {
    bytes: memory.buffer.byteLength,
    /** Convolutions whose results still say where something is: which operation, how many maps, and their height. */
    layers: [...operations.keys()].filter((at) => operations[at].kind === "conv" && pixels(operations[at].output) > 1)
      .map((at) => ({ at, channels: shapes[operations[at].output][2], side: shapes[operations[at].output][0] })),
    /** Scores of a normalised image: Float32Array, pixel by pixel, its channels side by side. */
    scores(image) {
      enter(image);
      operations.forEach((operation, at) => there[operation.kind](operation, laid[at]));
      return floats(values[output], shapes[output][2]).slice();
    },
    /** Gradient of a class's score for the image that was scored last, in the order of its values. */
    gradient(wanted) {
      const seed = clear(output);
      seed[wanted] = 1;
      return leave(whole);
    },
    /** Mean square of what an operation comes to before its bounds, and its gradient: what a dream climbs. */
    excite(image, last) {
      enter(image);
      operations.slice(0, last + 1).forEach((operation, at) =>
        there[operation.kind](at === last ? { ...operation, limits: [null, null] } : operation, laid[at]));
      const from = operations[last].output, count = pixels(from) * shapes[from][2];
      const maps = floats(values[from], area(from));
      floats(gradients[from], area(from)).set(maps.map((value) => (2 * value) / count));
      return { score: maps.reduce((sum, value) => sum + value * value, 0) / count, gradient: leave(wayFrom(last), last) };
    },
  };
}

/** What an engine says to a question: scores and, of a class that is wanted, a gradient; or what a layer comes to. */
function tpAnswer(engine, { image, wanted = null, layer = null }) {
  if (layer !== null) return engine.excite(image, layer);
  return { scores: engine.scores(image), gradient: wanted === null ? null : engine.gradient(wanted) };
}

/** What a worker does: it starts, and then one question, one answer. */
function tpWorker() {
  let engine = null;
  onmessage = ({ data: { id, start, question } }) => {
    try {
      if (start) engine = tpEngine(start.kernels, start.program, start.weights);
      postMessage({ id, ...(start ? { bytes: engine.bytes, layers: engine.layers } : tpAnswer(engine, question)) });
    } catch (error) {
      postMessage({ id, error: String(error.message ?? error) });
    }
  };
}

/** An engine that is asked and answers later: in a worker or, where a page may have none, slowly on the page itself. */
async function tpAsked(start) {
  const waiting = new Map();
  const inWorker = (worker) => new Promise((begun) => {
    // A worker that may not start tells nothing but this; a page's rules can forbid it.
    worker.onerror = () => begun(null);
    worker.onmessage = ({ data }) => {
      const [done, failed] = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) failed(new Error(data.error));
      else done(data);
    };
    let count = 0;
    const post = (message) => new Promise((done, failed) => {
      waiting.set(++count, [done, failed]);
      worker.postMessage({ id: count, ...message });
    });
    begun(post({ start }).then((facts) => ({ ...facts, ask: (question) => post({ question }) })));
  });
  let worker = null;
  try {
    const text = `"use strict";${tpEngine};${tpAnswer};(${tpWorker})()`;
    worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  } catch {
    // none may be made
  }
  const begun = worker && (await inWorker(worker));
  if (begun) return begun;
  const engine = tpEngine(start.kernels, start.program, start.weights);
  return {
    bytes: engine.bytes, layers: engine.layers, slow: true,
    ask: (question) => new Promise((next) => setTimeout(next)).then(() => tpAnswer(engine, question)),
  };
}
