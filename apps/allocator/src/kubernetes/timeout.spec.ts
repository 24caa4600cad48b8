import { durationProblem } from './timeout.js';

describe('a duration of Go', () => {
  it.each(['0', '-0', '32s', '1.5h', '.5s', '1h2m3.25s', '+1s', '-1s', '1µs', '9999999999h'])('%s is one', (text) => {
    expect(durationProblem(text)).toBeUndefined();
  });
  it.each([
    ['x', 'invalid duration "x"'], [' 1s', 'invalid duration " 1s"'], ['-', 'invalid duration "-"'], ['.s', 'invalid duration ".s"'],
    ['1', 'missing unit in duration "1"'], ['1s2', 'missing unit in duration "1s2"'], ['1h1', 'missing unit in duration "1h1"'],
    ['1d', 'unknown unit "d" in duration "1d"'], ['1s x', 'unknown unit "s x" in duration "1s x"'],
  ])('%s is none', (text, problem) => {
    expect(durationProblem(text)).toBe(problem);
  });
});
