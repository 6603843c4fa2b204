export declare const measuredFolders: readonly string[];

export declare function readArguments(argv: readonly string[]): {
  readonly depth: 'quick' | 'full' | 'nightly';
  readonly chosen: readonly {
    readonly name: string;
    readonly mutated?: { readonly sources: string; readonly units: string };
  }[];
};
