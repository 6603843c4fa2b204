export declare function runsOf(name: string, filters: readonly string[]): readonly (readonly string[])[];
