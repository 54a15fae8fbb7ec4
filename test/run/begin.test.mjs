import test from 'ava';
import begin from '../../lib/run/begin.js';

test("a layer's largest activations of more than 2 GiB, which nothing would read again, are refused; who does not want them goes on", t => {
  const layers = [{ shape: [8, 1, 1] }, { shape: [64, 3, 3] }];
  t.notThrows(() => begin.checkMaxima({ maxima: true }, 2 ** 22, layers));
  t.notThrows(() => begin.checkMaxima({ maxima: false }, 2 ** 24, layers));
  t.throws(() => begin.checkMaxima({ maxima: true }, 2 ** 24, layers), {
    code: 'ERR_NETDISSECT_OPTION',
    message:
      "expected at most 2 GiB of a layer's largest activations but they are 4.0; take fewer images, or leave maxima out",
  });
});
