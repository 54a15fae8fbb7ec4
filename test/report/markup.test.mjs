import test from 'ava';
import markupModule from '../../lib/report/markup.js';

const { counted, Markup, markup, wellFormed } = markupModule;

test('text is escaped for content and for quoted attributes', t => {
  t.is(
    String(markup`<b title="${`<&>"'`}">${'</b>'}</b>`),
    '<b title="&lt;&amp;&gt;&quot;&#39;">&lt;/b&gt;</b>',
  );
});

test('markup is not escaped twice', t => {
  t.is(String(markup`<p>${markup`<b>${'&'}</b>`}${new Markup('<br>')}</p>`), '<p><b>&amp;</b><br></p>');
});

test('lists are joined, numbers printed, and what is no text leaves nothing', t => {
  t.is(String(markup`${['<', markup`<i>`, [0, 1.5]]}|${null}${undefined}${true}${false}|`), '&lt;<i>01.5||');
});

test('what XML cannot hold becomes the replacement character', t => {
  t.is(wellFormed('a\u0000\u001B\u0085b\uD800c\uFFFE\t\r\n🎈'), 'a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\t\r\n🎈');
});

test('one is singular', t => {
  t.deepEqual(
    [0, 1, 2].map(number => counted(number, 'unit')),
    ['0 units', '1 unit', '2 units'],
  );
});
