import type { SignIn } from '@ipledger/access';
import { Controller, Get, Inject } from '@nestjs/common';
import { SIGN_IN } from '../tokens.js';

/** What a page must know to sign somebody in, before anybody is signed in. No secret is in it. */
@Controller()
export class SignInController {
  constructor(@Inject(SIGN_IN) private readonly signIn: SignIn) {}

  @Get('sign-in.json')
  get(): SignIn {
    return this.signIn;
  }
}
