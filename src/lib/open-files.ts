/** The most files that a process of a kernel may open: engines that set no bound give a thousand times as many. */
export const maxOpenFiles = 2 ** 20;
