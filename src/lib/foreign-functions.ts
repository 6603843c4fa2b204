/**
 * Functions of shared libraries: the only module that imports koffi. It takes 8 MB and some 20 ms when it is loaded, and a wrong prototype
 * crashes the process, so it is loaded by those alone who have such a function to call.
 */
export { default as koffi } from 'koffi';
